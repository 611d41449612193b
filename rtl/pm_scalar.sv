`default_nettype none

// Where the table lies, for tools that do not run in this folder.
`ifndef PM_RSQRT_TABLE
`define PM_RSQRT_TABLE "generated/rsqrt.mem"
`endif

// The scalar unit: four cycles; twenty for the reciprocal (restoring division, a bit a cycle) and the reciprocal
// square root (Newton's iteration on the unit's one multiplier).
module pm_scalar (
    input  wire logic                             clk_i,
    input  wire logic                             rst_ni,
    input  wire logic                             go_i,
    input  wire pm_pkg::decoded_t                 instr_i,
    input  wire logic                             active_i,  // the slot has a token
    input  wire logic        [pm_pkg::SCALAR-1:0] a_i,
    input  wire logic        [pm_pkg::SCALAR-1:0] b_i,
    output      logic                             busy_o,
    output      logic                             we_o,
    output      logic        [               3:0] sd_o,
    output      logic        [pm_pkg::SCALAR-1:0] scalar_o
);
  logic [5:0] op_q;
  logic [3:0] sd_q;
  logic [15:0] ma_q, mb_q;
  logic [7:0] ea_q, eb_q;
  logic busy_q;
  logic [4:0] step_q;  // cycles since the issue, 1 in the first
  wire logic is_long = op_q == pm_isa::OP_SRCP || op_q == pm_isa::OP_SRSQ;
  wire logic last = busy_q && step_q == (is_long ? 5'd19 : 5'd3);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) busy_q <= 1'b0;
    else if (go_i) busy_q <= 1'b1;
    else if (last) busy_q <= 1'b0;

    if (go_i) begin
      op_q <= instr_i.op;
      sd_q <= instr_i.sd;
      if (instr_i.op == pm_isa::OP_SLI) {ea_q, ma_q} <= instr_i.immediate;
      else if (instr_i.op == pm_isa::OP_SACT) {ea_q, ma_q} <= active_i ? pm_pkg::SCALAR_ONE : '0;
      else {ea_q, ma_q} <= a_i;
      {eb_q, mb_q} <= b_i;
      step_q <= 5'd1;
    end else begin
      step_q <= step_q + 5'd1;
    end
  end

  wire logic signed [9:0] ea = {{2{ea_q[7]}}, ea_q};
  wire logic signed [9:0] eb = {{2{eb_q[7]}}, eb_q};

  // Sum: the smaller term is shifted to the greater one's exponent.
  wire logic a_zero = ma_q == '0;
  wire logic b_zero = mb_q == '0;
  wire logic a_high = ea >= eb;
  wire logic a_greater = b_zero || (!a_zero && (ea > eb || (ea_q == eb_q && ma_q >= mb_q)));
  logic a_high_q;  // in the second cycle, as the distance
  logic [9:0] distance_q;
  logic [32:0] sum;

  always_ff @(posedge clk_i) begin
    a_high_q <= a_high;
    distance_q <= a_high ? ea - eb : eb - ea;
  end
  always_comb begin
    sum = {1'b0, a_high_q ? mb_q : ma_q, 16'b0} >> distance_q[4:0];
    if (distance_q[9:5] != '0) sum = '0;
    sum = sum + {1'b0, a_high_q ? ma_q : mb_q, 16'b0};
  end

  // Quotient floor(2^31 / m), seventeen bits from the top: the first sixteen digits of the dividend are 2^15 ≤ m.
  logic [16:0] rest_q, quotient_q;
  wire logic fits = rest_q >= {1'b0, ma_q};
  wire logic [16:0] rest = fits ? rest_q - {1'b0, ma_q} : rest_q;

  always_ff @(posedge clk_i) begin
    if (go_i) begin
      rest_q <= 17'h8000;
      quotient_q <= '0;
    end else if (step_q <= 5'd17) begin
      rest_q <= rest << 1;
      quotient_q <= {quotient_q[15:0], fits};
    end
  end

  // Root: in steps 3 … 14 the three products of each iteration. Each takes two cycles: its factors are chosen in an odd
  // step and multiplied in the even one after it, which keeps the product in p_q or y_q for the next.
  logic [23:0] seeds[0:47];
  logic [23:0] seed_q, y_q, p_q;
  logic [5:0] seed_index;
  logic [15:0] x_q;
  logic signed [9:0] even_q;  // the exponent, made even
  logic [23:0] left_q, right_q;
  wire logic [46:15] product = 32'((47'(left_q) * 47'(right_q)) >> 15);
  wire logic is_smul = op_q == pm_isa::OP_SMUL;

  initial $readmemh(`PM_RSQRT_TABLE, seeds);

  // x in [2^14, 2^16): a zero mantissa reads some seed, its result is replaced
  wire logic [15:0] x = ea_q[0] ? {1'b0, ma_q[15:1]} : ma_q;
  assign seed_index = x[15:10] - 6'd16;

  always_ff @(posedge clk_i) begin
    seed_q <= seeds[seed_index < 6'd48 ? seed_index : 6'd0];
    x_q <= x;
    even_q <= ea + {9'b0, ea_q[0]};
    case (step_q)
      5'd3, 5'd9: {left_q, right_q} <= {y_q, y_q};
      5'd5, 5'd11: {left_q, right_q} <= {8'b0, x_q, p_q};
      default: {left_q, right_q} <= {y_q, 24'hc00000 - p_q};  // 3 · 2^22 − p
    endcase
    if (is_smul) {left_q, right_q} <= {8'b0, ma_q, 8'b0, mb_q};
    case (step_q)
      5'd4, 5'd10: p_q <= product[45:22];
      5'd6, 5'd12: p_q <= product[39:16];
      default: ;
    endcase
    if (step_q == 5'd2) y_q <= seed_q;
    else if (step_q == 5'd8 || step_q == 5'd14) y_q <= product[46:23];
  end

  // The result: 17 bits of which one of the upper two is the highest set, and the exponent of the lowest. Mantissas, whose
  // highest bit is set, have such products, sums and quotients, and the root's y lies in [2^22, 2^23).
  logic [16:0] value_q;
  logic signed [9:0] exponent_q, exponent;
  logic [pm_pkg::SCALAR-1:0] normalised;

  always_ff @(posedge clk_i) begin
    case (op_q)
      pm_isa::OP_SMUL: begin
        value_q <= product[31:15];
        exponent_q <= ea + eb + 10'sd15;
      end
      pm_isa::OP_SADD: begin
        value_q <= sum[32:16];
        exponent_q <= a_high_q ? ea : eb;
      end
      pm_isa::OP_SRCP: begin
        value_q <= quotient_q;
        exponent_q <= -10'sd31 - ea;
      end
      default: begin
        value_q <= y_q[23:7];
        exponent_q <= -10'sd23 - (even_q >>> 1);  // −22 − (E + 16) / 2, of the seventh bit of y
      end
    endcase
  end

  always_comb begin
    exponent = exponent_q + {9'b0, value_q[16]};
    if (exponent < -10'sd128) normalised = '0;
    else if (exponent > 10'sd127) normalised = pm_pkg::SCALAR_MOST;
    else normalised = {exponent[7:0], value_q[16] ? value_q[16:1] : value_q[15:0]};
  end

  always_comb begin
    scalar_o = normalised;
    case (op_q)
      pm_isa::OP_SLI, pm_isa::OP_SACT: scalar_o = {ea_q, ma_q};
      pm_isa::OP_SMAX: scalar_o = a_greater ? {ea_q, ma_q} : {eb_q, mb_q};
      pm_isa::OP_SADD:
      if (a_zero) scalar_o = {eb_q, mb_q};
      else if (b_zero) scalar_o = {ea_q, ma_q};
      pm_isa::OP_SMUL: if (a_zero || b_zero) scalar_o = '0;
      pm_isa::OP_SRCP, pm_isa::OP_SRSQ: if (a_zero) scalar_o = pm_pkg::SCALAR_MOST;
      default: ;
    endcase
  end

  assign busy_o = busy_q;
  assign we_o = last;
  assign sd_o = sd_q;
endmodule

`default_nettype wire
