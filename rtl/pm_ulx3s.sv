`default_nettype none

// The ULX3S with an ECP5-85F: a small model in the chip's memory, the host at the board's USB serial port, at 1 Mbaud.
// boards/ulx3s.lpf has the pins. The clock is the board's oscillator, 25 MHz.
module pm_ulx3s #(
    parameter int VLMAX = 2048,
    parameter int MEM_BEATS = 8192,
    parameter int ROM = 1024,
    parameter int LANES = 4,
    parameter int ROW_LANES = 1,
    parameter int DIVIDER = 25
) (
    input  wire logic clk_25mhz,
    input  wire logic btn_pwr_n,  // pressed: reset
    input  wire logic ftdi_txd,  // from the host
    output      logic ftdi_rxd
);
  // The harness reads it to know how the model was built.
  localparam int divider /*verilator public*/ = DIVIDER;

  logic bus_valid, bus_write;
  logic [4:0] bus_addr;
  logic [31:0] bus_wdata, bus_rdata;

  // Registers begin as 0 when the chip is configured: reset holds for the first cycles.
  (* async_reg = "true" *) logic [3:0] reset_q = '0;
  always_ff @(posedge clk_25mhz) reset_q <= {reset_q[2:0], btn_pwr_n};

  pm_uart #(
      .DIVIDER(DIVIDER)
  ) u_uart (
      .clk_i(clk_25mhz),
      .rst_ni(reset_q[3]),
      .rx_i(ftdi_txd),
      .tx_o(ftdi_rxd),
      .bus_valid_o(bus_valid),
      .bus_write_o(bus_write),
      .bus_addr_o(bus_addr),
      .bus_wdata_o(bus_wdata),
      .bus_rdata_i(bus_rdata)
  );

  pm_on_chip #(
      .VLMAX(VLMAX),
      .ROM(ROM),
      .MEM_BEATS(MEM_BEATS),
      .LANES(LANES),
      .ROW_LANES(ROW_LANES)
  ) u_on_chip (
      .clk_i(clk_25mhz),
      .rst_ni(reset_q[3]),
      .bus_valid_i(bus_valid),
      .bus_write_i(bus_write),
      .bus_addr_i(bus_addr),
      .bus_wdata_i(bus_wdata),
      .bus_rdata_o(bus_rdata)
  );
endmodule

`default_nettype wire
