`default_nettype none

// Where the table lies, for tools that do not run in this folder.
`ifndef PM_SIGMOID_TABLE
`define PM_SIGMOID_TABLE "generated/sigmoid.mem"
`endif

// One lane of the row-wise unit: a' = scale(a, s), then the operation. Operands enter in stage 1, the result leaves
// in stage 8, its square or magnitude in stage 9. Stages run only when they hold something.
module pm_row_lane (
    input  wire logic        clk_i,
    input  wire logic [ 8:1] valid_i,  // bit n: stage n holds an element
    // constant while an instruction runs
    input  wire logic [ 5:0] op_i,
    input  wire logic        silu_i,  // the operation is silu
    input  wire logic [23:0] scale_i,
    input  wire logic [ 5:0] scale_shift_i,  // −e of the scale
    input  wire logic [ 4:0] shift_i,  // of the product, less 16
    input  wire logic        square_i,  // the reduction wants squares, else magnitudes
    // stage 1
    input  wire logic [31:0] a_i,
    input  wire logic [31:0] b_i,
    // stage 7
    input  wire logic        keep_i,  // the element lies within the vector; else the result is 0
    // stage 8
    output      logic [31:0] y_o,
    output      logic [ 7:0] q_o,
    // stage 9
    output      logic [62:0] term_o
);
  // 2–4: the scale; it is rounded in stage 4
  logic [31:0] a2, b2, b3, a4, b4, floor, floor4;
  logic [47:0] product3;
  logic up, up4, fits, fits4, negative, negative4;

  pm_scale u_scale (
      .product_i(product3),
      .e_i(scale_i[23:16]),
      .k_i(scale_shift_i),
      .floor_o(floor),
      .up_o(up),
      .fits_o(fits),
      .negative_o(negative)
  );
  pm_round u_round_scaled (
      .floor_i(floor4),
      .up_i(up4),
      .fits_i(fits4),
      .negative_i(negative4),
      .y_o(a4)
  );

  always_ff @(posedge clk_i) begin
    if (valid_i[1]) begin
      a2 <= a_i;
      b2 <= b_i;
    end
    if (valid_i[2]) begin
      product3 <= 48'($signed(a2) * $signed({1'b0, scale_i[15:0]}));
      b3 <= b2;
    end
    if (valid_i[3]) begin
      {negative4, fits4, up4, floor4} <= {negative, fits, up, floor};
      b4 <= b3;
    end
  end

  // 4–6: the sigmoid
  logic [26:0] table_rom[0:511];  // {slope, value}
  logic [26:0] entry5;
  logic [31:0] magnitude, a5, b5, a6, b6;
  logic [10:0] fraction5;
  logic beyond5, flip5;
  logic [10:0] rise;  // a fraction bit
  logic [16:0] base, sigmoid, sigmoid6;

  initial $readmemh(`PM_SIGMOID_TABLE, table_rom);

  always_comb begin
    magnitude = a4[31] ? 32'd0 - a4 : a4;
    // 65536 less the sum, for −a or for sigc, is the rest of the table's value less the rise: one adder either way,
    // whose carry rounds.
    rise = 11'((21'(entry5[26:17]) * 21'(fraction5)) >> 10);
    base = flip5 ? 17'd65536 - entry5[16:0] : entry5[16:0];
    sigmoid = base + ({7'b0, rise[10:1]} ^ {17{flip5}}) + {16'b0, rise[0] ^ flip5};
    if (beyond5) sigmoid = flip5 ? 17'd0 : 17'd65536;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i[4]) begin
      entry5 <= table_rom[magnitude[19:11]];
      fraction5 <= magnitude[10:0];
      beyond5 <= magnitude[31:20] != '0;
      flip5 <= a4[31] != (op_i == pm_isa::OP_SIGC);
      a5 <= a4;
      b5 <= b4;
    end
    if (valid_i[5]) begin
      sigmoid6 <= sigmoid;
      a6 <= a5;
      b6 <= b5;
    end
  end

  // 6–8: the product, of b or of the sigmoid, of which the lowest 16 bits only round; or what other operations make
  logic signed [32:0] factor;
  logic [63:0] product;
  logic [47:0] product7;
  logic [31:0] product_floor, product_rounded, sum_saturated, other, other7;
  logic [32:0] sum;
  logic half7, rest7, product_up, product_fits, product_negative;
  wire logic multiplies = silu_i || op_i == pm_isa::OP_MUL;

  pm_saturate #(
      .WIDTH(33)
  ) u_saturate_sum (
      .x_i(sum),
      .y_o(sum_saturated)
  );
  pm_shift_right #(
      .WIDTH(48),
      .SHIFT(5)
  ) u_shift_product (
      .x_i(product7),
      .half_i(half7),
      .rest_i(rest7),
      .k_i(shift_i),
      .floor_o(product_floor),
      .up_o(product_up),
      .fits_o(product_fits),
      .negative_o(product_negative)
  );
  pm_round u_round_product (
      .floor_i(product_floor),
      .up_i(product_up),
      .fits_i(product_fits),
      .negative_i(product_negative),
      .y_o(product_rounded)
  );

  always_comb begin
    factor = silu_i ? {16'b0, sigmoid6} : {b6[31], b6};
    product = 64'($signed(a6) * factor);
    sum = op_i == pm_isa::OP_SUB ? {a6[31], a6} - {b6[31], b6} : {a6[31], a6} + {b6[31], b6};
    case (op_i)
      pm_isa::OP_ADD, pm_isa::OP_SUB: other = sum_saturated;
      pm_isa::OP_SIG, pm_isa::OP_SIGC: other = {15'b0, sigmoid6};
      default: other = a6;
    endcase
  end

  wire logic fits_byte = other7[31:7] == {25{other7[31]}};

  always_ff @(posedge clk_i) begin
    if (valid_i[6]) begin
      product7 <= product[63:16];
      half7 <= product[15];
      rest7 <= product[14:0] != '0;
      other7 <= other;
    end
    if (valid_i[7]) begin
      y_o <= !keep_i ? '0 : multiplies ? product_rounded : other7;
      if (!keep_i) q_o <= '0;
      else q_o <= fits_byte ? other7[7:0] : {other7[31], {7{!other7[31]}}};
    end
  end

  // 8–9: what is reduced
  wire logic [31:0] size = y_o[31] ? 32'd0 - y_o : y_o;

  always_ff @(posedge clk_i) begin
    if (valid_i[8]) term_o <= square_i ? 63'(64'($signed(y_o)) * 64'($signed(y_o))) : {31'b0, size};
  end
endmodule

`default_nettype wire
