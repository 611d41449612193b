`default_nettype none

// The host's bus over a serial line (8 bits, no parity, one stop bit). An access is a byte: bit 7 says write, bits 4…0 are the
// register. A write's four bytes follow, a read is answered by four bytes, the lowest first in both. The host waits for
// an answer before its next access.
module pm_uart #(
    parameter int DIVIDER = 25  // cycles of a bit, 2 or more
) (
    input  wire logic        clk_i,
    input  wire logic        rst_ni,
    input  wire logic        rx_i,
    output      logic        tx_o,
    output      logic        bus_valid_o,
    output      logic        bus_write_o,
    output      logic [ 4:0] bus_addr_o,
    output      logic [31:0] bus_wdata_o,
    input  wire logic [31:0] bus_rdata_i
);
  localparam int WAIT = $clog2(DIVIDER + 1);
  localparam logic [WAIT-1:0] BIT = WAIT'(DIVIDER - 1);
  localparam logic [WAIT-1:0] HALF = WAIT'(DIVIDER / 2);

  // Receives a byte: from the middle of the start bit on, a bit each DIVIDER cycles.
  (* async_reg = "true" *) logic line1_q, line_q;
  logic receiving_q, byte_valid_q;
  logic [WAIT-1:0] rx_wait_q;
  logic [3:0] rx_bits_q;
  logic [7:0] byte_q;

  always_ff @(posedge clk_i) begin
    line1_q <= rx_i;
    line_q <= line1_q;
    byte_valid_q <= 1'b0;
    if (!rst_ni) begin
      receiving_q <= 1'b0;
    end else if (!receiving_q) begin
      receiving_q <= !line_q;
      rx_wait_q <= HALF;
      rx_bits_q <= '0;
    end else if (rx_wait_q != '0) begin
      rx_wait_q <= rx_wait_q - 1'b1;
    end else begin
      rx_wait_q <= BIT;
      rx_bits_q <= rx_bits_q + 4'd1;
      if (rx_bits_q == 4'd0) receiving_q <= !line_q;  // a start bit shorter than half a bit is noise
      else if (rx_bits_q != 4'd9) byte_q <= {line_q, byte_q[7:1]};
      else begin
        receiving_q <= 1'b0;
        byte_valid_q <= line_q;
      end
    end
  end

  // Bytes to an access.
  logic [2:0] left_q;  // bytes of the word that are still to come
  logic reading_q;
  always_ff @(posedge clk_i) begin
    bus_valid_o <= 1'b0;
    reading_q <= bus_valid_o && !bus_write_o;
    if (!rst_ni) begin
      left_q <= '0;
    end else if (byte_valid_q) begin
      if (left_q == '0) begin
        left_q <= byte_q[7] ? 3'd4 : 3'd0;
        bus_valid_o <= !byte_q[7];
        bus_write_o <= byte_q[7];
        bus_addr_o <= byte_q[4:0];
      end else begin
        left_q <= left_q - 3'd1;
        bus_valid_o <= left_q == 3'd1;
        bus_wdata_o <= {byte_q, bus_wdata_o[31:8]};
      end
    end
  end

  // Sends a word: four bytes, each between a start and a stop bit.
  logic [39:0] word_q;
  logic [5:0] tx_bits_q;
  logic [WAIT-1:0] tx_wait_q;
  assign tx_o = tx_bits_q == '0 || word_q[0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      tx_bits_q <= '0;
    end else if (reading_q) begin
      for (int i = 0; i < 4; i++) word_q[10*i+:10] <= {1'b1, bus_rdata_i[8*i+:8], 1'b0};
      tx_bits_q <= 6'd40;
      tx_wait_q <= BIT;
    end else if (tx_bits_q != '0) begin
      tx_wait_q <= tx_wait_q == '0 ? BIT : tx_wait_q - 1'b1;
      if (tx_wait_q == '0) begin
        word_q <= word_q >> 1;
        tx_bits_q <= tx_bits_q - 6'd1;
      end
    end
  end
endmodule

`default_nettype wire
