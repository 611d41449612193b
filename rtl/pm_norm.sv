`default_nettype none

// norm(M, e): an integer and an exponent → a scalar {e, m}, truncated; combinational. Shifts M left in powers of
// two until its top bit is set, counting.
module pm_norm #(
    parameter int WIDTH = 33,  // 17 or more
    localparam int STAGES = $clog2(WIDTH)
) (
    input  wire logic        [      WIDTH-1:0] value_i,
    input  wire logic signed [            9:0] e_i,
    output      logic        [pm_pkg::SCALAR-1:0] scalar_o
);
  logic [WIDTH-1:0] shifted;
  logic [STAGES-1:0] zeros;
  logic signed [10:0] e;

  always_comb begin
    shifted = value_i;
    zeros = '0;
    for (int s = STAGES - 1; s >= 0; s--) begin
      if ((shifted >> (WIDTH - (1 << s))) == '0) begin
        shifted = shifted << (1 << s);
        zeros[s] = 1'b1;
      end
    end
    // bitlength = WIDTH − zeros
    e = {e_i[9], e_i} + 11'(WIDTH - 16) - {{11 - STAGES{1'b0}}, zeros};
    if (value_i == '0 || e < -11'sd128) scalar_o = '0;
    else if (e > 11'sd127) scalar_o = pm_pkg::SCALAR_MOST;
    else scalar_o = {e[7:0], shifted[WIDTH-1:WIDTH-16]};
  end
endmodule

`default_nettype wire
