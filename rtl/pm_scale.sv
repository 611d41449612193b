`default_nettype none

// The product P = a · m times 2^e, as pm_round takes it to make scale(a, s); combinational. |P| < 2^47. From e = −48 down
// the result rounds to 0; from e = 16 up every P but 0 saturates, as m ≥ 2^15.
module pm_scale (
    input  wire logic [47:0] product_i,
    input  wire logic [ 7:0] e_i,
    input  wire logic [ 5:0] k_i,  // −e, of which six bits suffice
    output      logic [31:0] floor_o,
    output      logic        up_o,
    output      logic        fits_o,
    output      logic        negative_o
);
  wire logic [62:0] left = {{15{product_i[47]}}, product_i} << e_i[3:0];
  logic [31:0] right;
  logic right_up, right_fits;

  pm_shift_right #(
      .WIDTH(48)
  ) u_right (
      .x_i(product_i),
      .half_i(1'b0),
      .rest_i(1'b0),
      .k_i(k_i),
      .floor_o(right),
      .up_o(right_up),
      .fits_o(right_fits),
      .negative_o(negative_o)
  );

  wire logic negative_e = e_i[7];
  wire logic tiny = negative_e && $signed(e_i) <= -8'sd48;
  wire logic huge = !negative_e && e_i[6:4] != 3'd0;

  always_comb begin
    floor_o = negative_e ? right : left[31:0];
    up_o = negative_e && right_up;
    fits_o = negative_e ? right_fits : left[62:31] == {32{negative_o}};
    if (tiny || huge) floor_o = '0;
    if (tiny) up_o = 1'b0;
    if (tiny) fits_o = 1'b1;
    if (huge) fits_o = product_i == '0;
  end
endmodule

`default_nettype wire
