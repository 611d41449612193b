`default_nettype none

// The row-wise unit: a lane for each element of a word, one word a cycle, twelve stages from the address of the last word to the cycle in
// which everything is written. Stage 0 addresses the registers; the scalar of a reduction leaves in stage 11.
// With fewer lanes a word takes several passes, from its lower elements on, and is written with the last one.
module pm_row #(
    parameter int VLMAX = 8192,
    parameter int LANES = pm_pkg::LANES,  // elements of a word
    parameter int ROW_LANES = LANES,  // 1, 2, 4 … LANES
    localparam int WORD = 32 * LANES,
    localparam int QWORD = 8 * LANES,
    localparam int INDEX = $clog2(VLMAX / LANES)
) (
    input  wire logic                            clk_i,
    input  wire logic                            rst_ni,
    input  wire logic                            go_i,
    input  wire pm_pkg::decoded_t                instr_i,
    input  wire logic       [pm_pkg::SCALAR-1:0] scale_i,
    output      logic                            busy_o,
    // vector registers
    output      logic                            read_o,
    output      logic       [               2:0] a_o,
    output      logic       [               2:0] b_o,
    output      logic       [         INDEX-1:0] raddr_o,
    input  wire logic       [  WORD-1:0] a_i,
    input  wire logic       [  WORD-1:0] b_i,
    input  wire logic       [  WORD-1:0] before_i,  // what shf reads as a: of the slot before
    output      logic                            we_o,
    output      logic       [               2:0] y_o,
    output      logic       [         INDEX-1:0] waddr_o,
    output      logic       [  WORD-1:0] wdata_o,
    // activation banks, at waddr_o
    output      logic                            bank_we_o,
    output      logic                            bank_o,
    output      logic       [ QWORD-1:0] bank_wdata_o,
    // scalar registers
    output      logic                            scalar_we_o,
    output      logic       [               3:0] sd_o,
    output      logic       [pm_pkg::SCALAR-1:0] scalar_o
);
  localparam int LANE = $clog2(LANES);

  logic [5:0] op_q;
  logic silu_q;
  logic [2:0] y_q, a_q, b_q;
  logic q_q;
  logic [pm_pkg::SCALAR-1:0] scale_q;
  logic [5:0] scale_shift_q;
  logic [4:0] shift_q;
  logic [1:0] red_q;
  logic [3:0] sd_q;
  logic [13:0] len_q;
  logic [10:0] left_q;  // words not yet addressed

  logic busy_q;
  logic [11:0] valid_q;  // bit n: stage n holds a word
  logic [10:0] read_q, result_q;  // words addressed; words that have left stage 7
  logic [INDEX-1:0] waddr_q;

  // Passes over the word in stages 0, 1, 7, and whether stage 8 has a word's last one.
  localparam int PASSES = LANES / ROW_LANES;
  localparam int PASS = PASSES > 1 ? $clog2(PASSES) : 1;
  logic [PASS-1:0] pass0_q, pass1_q, pass7_q;
  logic complete8_q;
  wire logic complete0 = pass0_q == PASS'(PASSES - 1);
  wire logic complete7 = pass7_q == PASS'(PASSES - 1);
  wire logic last_read = complete0 && left_q == 11'd1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      valid_q <= '0;
    end else if (go_i) begin
      busy_q <= 1'b1;
      valid_q <= 12'd1;
    end else begin
      valid_q <= {valid_q[10:0], valid_q[0] && !last_read};
      if (valid_q[11] && !valid_q[10]) busy_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (go_i) begin
      op_q <= instr_i.op;
      silu_q <= instr_i.op == pm_isa::OP_SILU;
      y_q <= instr_i.y;
      a_q <= instr_i.a;
      // an operation without b reads a twice, so that it addresses no other register
      b_q <= instr_i.b_used ? instr_i.b : instr_i.a;
      q_q <= instr_i.q;
      scale_q <= scale_i;
      scale_shift_q <= 6'd0 - scale_i[21:16];
      shift_q <= instr_i.shift;  // 0 but for mul
      red_q <= instr_i.red;
      sd_q <= instr_i.sd;
      len_q <= instr_i.len;
      left_q <= 11'((15'(instr_i.len) + 15'(LANES - 1)) >> LANE);
      read_q <= '0;
      result_q <= '0;
      pass0_q <= '0;
      pass7_q <= '0;
    end else begin
      if (valid_q[0]) begin
        pass0_q <= complete0 ? '0 : pass0_q + 1'b1;
        if (complete0) begin
          read_q <= read_q + 11'd1;
          left_q <= left_q - 11'd1;
        end
      end
      if (valid_q[7]) begin
        pass7_q <= complete7 ? '0 : pass7_q + 1'b1;
        if (complete7) result_q <= result_q + 11'd1;
      end
    end
    pass1_q <= pass0_q;
    complete8_q <= complete7;
    waddr_q <= result_q[INDEX-1:0];
  end

  assign busy_o = busy_q;
  assign read_o = busy_q;
  assign a_o = a_q;
  assign b_o = b_q;
  assign raddr_o = read_q[INDEX-1:0];

  // The elements of a pass.
  localparam int PART = 32 * ROW_LANES;
  localparam int QPART = 8 * ROW_LANES;
  wire logic [WORD-1:0] word = op_q == pm_isa::OP_SHF ? before_i : a_i;
  wire logic [PART-1:0] a = word[PART*pass1_q+:PART];
  wire logic [PART-1:0] b = b_i[PART*pass1_q+:PART];
  logic [PART-1:0] y;
  logic [QPART-1:0] quantised;
  logic [63*ROW_LANES-1:0] terms;

  for (genvar i = 0; i < ROW_LANES; i++) begin : gen_lane
    pm_row_lane u_lane (
        .clk_i(clk_i),
        .valid_i(valid_q[8:1]),
        .op_i(op_q),
        .silu_i(silu_q),
        .scale_i(scale_q),
        .scale_shift_i(scale_shift_q),
        .shift_i(shift_q),
        .square_i(red_q == pm_pkg::RED_SS),
        .a_i(a[i*32+:32]),
        .b_i(b[i*32+:32]),
        .keep_i(15'({result_q, LANE'(ROW_LANES * 32'(pass7_q) + i)}) < {1'b0, len_q}),
        .y_o(y[i*32+:32]),
        .q_o(quantised[i*8+:8]),
        .term_o(terms[i*63+:63])
    );
  end

  // Earlier passes wait for the last one.
  if (PASSES == 1) begin : gen_whole
    assign wdata_o = y;
    assign bank_wdata_o = quantised;
  end else begin : gen_parts
    logic [WORD-PART-1:0] early_q;
    logic [QWORD-QPART-1:0] early_quantised_q;

    assign wdata_o = {y, early_q};
    assign bank_wdata_o = {quantised, early_quantised_q};
    always_ff @(posedge clk_i) begin
      if (valid_q[8]) begin
        early_q <= wdata_o[WORD-1:PART];
        early_quantised_q <= bank_wdata_o[QWORD-1:QPART];
      end
    end
  end

  wire logic is_qnt = op_q == pm_isa::OP_QNT;
  wire logic written = valid_q[8] && complete8_q;
  assign we_o = written && !is_qnt;
  assign y_o = y_q;
  assign waddr_o = waddr_q;
  assign bank_we_o = written && is_qnt;
  assign bank_o = q_q;

  pm_row_reduce #(
      .LANES(ROW_LANES)
  ) u_reduce (
      .clk_i(clk_i),
      .clear_i(go_i),
      .valid_i(valid_q[10:9]),
      .sum_i(red_q == pm_pkg::RED_SS),
      .terms_i(terms),
      .scalar_o(scalar_o)
  );

  assign scalar_we_o = valid_q[11] && !valid_q[10] && red_q != pm_pkg::RED_NONE;
  assign sd_o = sd_q;
endmodule

`default_nettype wire
