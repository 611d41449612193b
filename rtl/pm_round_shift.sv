`default_nettype none

// rne(x, k) = x / 2^k to the nearest integer, halves to even; combinational. k = 0 leaves x as it is. Adding half
// an ulp less one, plus the bit that decides ties, before the shift truncates; x keeps its sign bit twice so that
// this cannot overflow.
module pm_round_shift #(
    parameter int WIDTH = 64,
    localparam int SHIFT = $clog2(WIDTH)
) (
    input  wire logic [WIDTH-1:0] x_i,
    input  wire logic [SHIFT-1:0] k_i,
    output      logic [WIDTH-1:0] y_o
);
  logic [WIDTH-1:0] below_half;  // 2^(k−1) − 1
  logic tie;
  logic signed [WIDTH-1:0] sum;

  always_comb begin
    tie = k_i != '0 && x_i[k_i];
    below_half = k_i == '0 ? '0 : ~({WIDTH{1'b1}} << (k_i - 1'b1));
    sum = $signed(x_i + below_half + {{WIDTH - 1{1'b0}}, tie});
    y_o = sum >>> k_i;
  end
endmodule

`default_nettype wire
