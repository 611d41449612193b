`default_nettype none

// The second half of sat32(rne(x, k)), after pm_shift_right: adds one to the floor or not, and clamps; combinational. One
// more than a floor that fits is too great only if it changes the sign.
module pm_round (
    input  wire logic [31:0] floor_i,
    input  wire logic        up_i,
    input  wire logic        fits_i,
    input  wire logic        negative_i,
    output      logic [31:0] y_o
);
  wire logic [31:0] rounded = floor_i + 32'(up_i);
  assign y_o = fits_i && !(rounded[31] && !negative_i) ? rounded : {negative_i, {31{!negative_i}}};
endmodule

`default_nettype wire
