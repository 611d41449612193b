`default_nettype none

// norm(M, 0): an integer → a scalar {e, m}, truncated; combinational. The highest byte that is not zero is given, so that it
// can be found in an earlier cycle; the highest bit in it is found here. Both take a few levels of logic, where shifting step
// by step would take many.
module pm_norm #(
    parameter int WIDTH = 77,  // 17 … 143: no exponent is out of range
    localparam int BYTES = (WIDTH + 7) / 8
) (
    input  wire logic [        WIDTH-1:0] value_i,
    input  wire logic [        BYTES-1:0] highest_i,  // one bit for each byte from the top bit down: the highest not zero
    output      logic [pm_pkg::SCALAR-1:0] scalar_o
);
  localparam int BITS = 8 * BYTES;

  // The value from the top bit down, and 15 bits behind it that mantissas may reach into.
  wire logic [BITS+14:0] padded = {value_i, {BITS + 15 - WIDTH{1'b0}}};
  logic [22:0] window;  // the byte, and 15 bits behind it
  logic [7:0] e_byte;  // of a mantissa from the byte's top bit down
  logic [2:0] zeros;

  always_comb begin
    window = '0;
    e_byte = '0;
    for (int g = 0; g < BYTES; g++) begin
      window = window | (padded[8*g+:23] & {23{highest_i[g]}});
      e_byte = e_byte | (8'(WIDTH - 16 - 8 * (BYTES - 1 - g)) & {8{highest_i[g]}});
    end
    zeros[2] = window[22:19] == '0;
    zeros[1] = zeros[2] ? window[18:17] == '0 : window[22:21] == '0;
    case (zeros[2:1])
      2'd0: zeros[0] = !window[22];
      2'd1: zeros[0] = !window[20];
      2'd2: zeros[0] = !window[18];
      default: zeros[0] = !window[16];
    endcase
    scalar_o = highest_i == '0 ? '0 : {e_byte - {5'b0, zeros}, 16'((window << zeros) >> 7)};
  end
endmodule

`default_nettype wire
