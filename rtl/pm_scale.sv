`default_nettype none

// The second half of scale(a, s): the product P = a · m, times 2^e, rounded and saturated; combinational.
// |P| < 2^47. From e = −48 down the result rounds to 0; from e = 16 up every P but 0 saturates, as m ≥ 2^15.
module pm_scale (
    input  wire logic [47:0] product_i,
    input  wire logic [ 7:0] e_i,
    output      logic [31:0] scaled_o
);
  logic [63:0] wide, right, value;
  logic [31:0] saturated;
  logic [5:0] k;

  assign wide = {{16{product_i[47]}}, product_i};
  assign k = 6'd0 - e_i[5:0];

  pm_round_shift #(
      .WIDTH(64)
  ) u_round (
      .x_i(wide),
      .k_i(k),
      .y_o(right)
  );
  pm_saturate #(
      .WIDTH(64)
  ) u_saturate (
      .x_i(value),
      .y_o(saturated)
  );

  wire logic negative_e = e_i[7];
  wire logic tiny = negative_e && $signed(e_i) <= -8'sd48;
  wire logic huge = !negative_e && e_i[6:4] != 3'd0;

  always_comb begin
    value = negative_e ? right : wide << e_i[3:0];
    if (product_i == '0 || tiny) scaled_o = '0;
    else if (huge) scaled_o = {product_i[47], {31{!product_i[47]}}};
    else scaled_o = saturated;
  end
endmodule

`default_nettype wire
