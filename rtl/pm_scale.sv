`default_nettype none

// The second half of scale(a, s): the product P = a · m, times 2^e, rounded and saturated; combinational.
// |P| < 2^47. From e = −48 down the result rounds to 0; from e = 16 up every P but 0 saturates, as m ≥ 2^15.
module pm_scale (
    input  wire logic [47:0] product_i,
    input  wire logic [ 7:0] e_i,
    input  wire logic [ 5:0] k_i,  // −e, of which six bits suffice
    output      logic [31:0] scaled_o
);
  logic [31:0] left, right;

  pm_round_saturate #(
      .WIDTH(48)
  ) u_right (
      .x_i(product_i),
      .k_i(k_i),
      .y_o(right)
  );
  pm_saturate #(
      .WIDTH(63)
  ) u_left (
      .x_i({{15{product_i[47]}}, product_i} << e_i[3:0]),
      .y_o(left)
  );

  wire logic negative_e = e_i[7];
  wire logic tiny = negative_e && $signed(e_i) <= -8'sd48;
  wire logic huge = !negative_e && e_i[6:4] != 3'd0;

  always_comb begin
    if (tiny) scaled_o = '0;
    else if (huge) scaled_o = product_i == '0 ? '0 : {product_i[47], {31{!product_i[47]}}};
    else scaled_o = negative_e ? right : left;
  end
endmodule

`default_nettype wire
