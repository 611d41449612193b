`default_nettype none

// x / 2^k of which pm_round makes sat32(rne(x, k)): the lower 32 bits of the floor, whether one is added to the floor for
// the nearest integer, halves to even, and whether the floor fits; combinational. k = 0 drops nothing.
module pm_shift_right #(
    parameter int WIDTH = 48,
    parameter int SHIFT = $clog2(WIDTH)
) (
    input  wire logic [WIDTH-1:0] x_i,
    input  wire logic             half_i,  // the highest bit that was dropped before
    input  wire logic             rest_i,  // whether any below it was set
    input  wire logic [SHIFT-1:0] k_i,
    output      logic [     31:0] floor_o,
    output      logic             up_o,
    output      logic             fits_o,
    output      logic             negative_o
);
  logic signed [WIDTH-1:0] shifted;
  logic half, rest;

  always_comb begin
    shifted = $signed(x_i);
    half = half_i;
    rest = rest_i;
    // Great steps first: whether what they drop is zero is known by the time the small ones are done.
    for (int s = SHIFT - 1; s >= 0; s--) begin
      if (k_i[s]) begin
        rest = rest || half || (shifted & (WIDTH'(1) << ((1 << s) - 1)) - WIDTH'(1)) != '0;
        half = shifted[(1<<s)-1];
        shifted = shifted >>> (1 << s);
      end
    end
  end

  assign floor_o = shifted[31:0];
  assign up_o = half && (rest || shifted[0]);
  assign negative_o = shifted[WIDTH-1];
  assign fits_o = shifted[WIDTH-1:31] == {WIDTH - 31{negative_o}};
endmodule

`default_nettype wire
