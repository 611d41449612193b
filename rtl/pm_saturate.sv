`default_nettype none

// sat32: a wide signed integer clamped to 32 bits; combinational.
module pm_saturate #(
    parameter int WIDTH = 64
) (
    input  wire logic [WIDTH-1:0] x_i,
    output      logic [     31:0] y_o
);
  wire logic negative = x_i[WIDTH-1];
  wire logic fits = x_i[WIDTH-1:31] == {WIDTH - 31{negative}};
  assign y_o = fits ? x_i[31:0] : {negative, {31{!negative}}};
endmodule

`default_nettype wire
