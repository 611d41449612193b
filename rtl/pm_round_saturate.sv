`default_nettype none

// sat32(rne(x, k)): x / 2^k to the nearest integer, halves to even, clamped to 32 bits; combinational. The shift comes
// first, and what it drops says whether to add one, so only 32 bits are ever added. k = 0 drops nothing.
module pm_round_saturate #(
    parameter int WIDTH = 64,
    localparam int SHIFT = $clog2(WIDTH)
) (
    input  wire logic [WIDTH-1:0] x_i,
    input  wire logic [SHIFT-1:0] k_i,
    output      logic [     31:0] y_o
);
  logic signed [WIDTH-1:0] shifted;
  logic half, rest;  // the highest bit dropped, and whether any below it is set
  logic negative, fits;
  logic [31:0] rounded;

  always_comb begin
    shifted = $signed(x_i);
    half = 1'b0;
    rest = 1'b0;
    // Great steps first: whether what they drop is zero is known by the time the small ones are done.
    for (int s = SHIFT - 1; s >= 0; s--) begin
      if (k_i[s]) begin
        rest = rest || half || (shifted & (WIDTH'(1) << ((1 << s) - 1)) - WIDTH'(1)) != '0;
        half = shifted[(1<<s)-1];
        shifted = shifted >>> (1 << s);
      end
    end
    // One more fits, unless it changes the sign: then, and only then, the sum is too great.
    negative = shifted[WIDTH-1];
    fits = shifted[WIDTH-1:31] == {WIDTH - 31{negative}};
    rounded = shifted[31:0] + 32'(half && (rest || shifted[0]));
    y_o = fits && !(rounded[31] && !negative) ? rounded : {negative, {31{!negative}}};
  end
endmodule

`default_nettype wire
