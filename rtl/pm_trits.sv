`default_nettype none

// A byte → five ternary weights as codes of two bits: its digits in base 3, the lowest first; combinational. Bytes from
// 243 on, which no packed weights have, give 3 as the highest digit, which counts as no weight.
module pm_trits (
    input  wire logic [7:0] byte_i,
    output      logic [9:0] codes_o
);
  logic [7:0] rest;  // what higher digits leave
  logic [1:0] digit;

  always_comb begin
    rest = byte_i;
    codes_o = '0;
    for (int j = 4; j >= 0; j--) begin
      if (j == 4 && rest >= 8'd243) {digit, rest} = {2'd3, rest - 8'd243};
      else if (rest >= 8'(2 * 3 ** j)) {digit, rest} = {2'd2, rest - 8'(2 * 3 ** j)};
      else if (rest >= 8'(3 ** j)) {digit, rest} = {2'd1, rest - 8'(3 ** j)};
      else digit = 2'd0;
      codes_o[2*j+:2] = digit;
    end
  end
endmodule

`default_nettype wire
