`default_nettype none

// norm(M, e): an integer and an exponent → a scalar {e, m}, truncated; combinational. Finds the highest byte that is not
// zero, then the highest bit in it: both take a few levels of logic, where shifting step by step would take many.
module pm_norm #(
    parameter int WIDTH = 33,  // 17 or more
    localparam int BYTES = (WIDTH + 7) / 8
) (
    input  wire logic        [      WIDTH-1:0] value_i,
    input  wire logic signed [            9:0] e_i,
    output      logic        [pm_pkg::SCALAR-1:0] scalar_o
);
  localparam int BITS = 8 * BYTES;

  // The value from the top bit down, and 15 bits behind it that mantissas may reach into.
  wire logic [BITS+14:0] padded = {value_i, {BITS + 15 - WIDTH{1'b0}}};
  logic [BYTES-1:0] used, highest;
  logic [22:0] window;  // the byte, and 15 bits behind it
  logic [6:0] bytes_zeros;
  logic [2:0] zeros;
  logic [15:0] mantissa;
  logic signed [10:0] e_byte, e;

  always_comb begin
    for (int g = 0; g < BYTES; g++) used[g] = padded[15+8*g+:8] != '0;
    window = '0;
    bytes_zeros = '0;
    for (int g = 0; g < BYTES; g++) begin
      highest[g] = used[g] && (used >> (g + 1)) == '0;
      window = window | (padded[8*g+:23] & {23{highest[g]}});
      bytes_zeros = bytes_zeros | (7'(8 * (BYTES - 1 - g)) & {7{highest[g]}});
    end
    zeros[2] = window[22:19] == '0;
    zeros[1] = zeros[2] ? window[18:17] == '0 : window[22:21] == '0;
    case (zeros[2:1])
      2'd0: zeros[0] = !window[22];
      2'd1: zeros[0] = !window[20];
      2'd2: zeros[0] = !window[18];
      default: zeros[0] = !window[16];
    endcase
    mantissa = 16'((window << zeros) >> 7);
    // bitlength = WIDTH less all zeros in front
    e_byte = {e_i[9], e_i} + 11'(WIDTH - 16) - {4'b0, bytes_zeros};
    e = e_byte - {8'b0, zeros};
    if (used == '0 || (e[10] && e[9:7] != '1)) scalar_o = '0;  // below −128
    else if (!e[10] && e[9:7] != '0) scalar_o = pm_pkg::SCALAR_MOST;  // above 127
    else scalar_o = {e[7:0], mantissa};
  end
endmodule

`default_nettype wire
