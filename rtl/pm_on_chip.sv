`default_nettype none

// The accelerator with its memory beside it on the chip, for models that fit: nothing is outside but the host's bus.
// Memory takes a request in each cycle and answers in the second one after it: its blocks lie all over the chip.
module pm_on_chip #(
    parameter int CORES = 1,
    parameter int VLMAX = 2048,
    parameter int FIFO = 8,
    parameter int OUTQ = 2,
    parameter int ROM = 1024,
    parameter int MEM_BEATS = 8192,
    parameter int BATCH = 1,
    parameter int LANES = 4,
    parameter int ROW_LANES = 1,
    parameter int COLUMNS = 16
) (
    input  wire logic        clk_i,
    input  wire logic        rst_ni,
    input  wire logic        bus_valid_i,
    input  wire logic        bus_write_i,
    input  wire logic [ 4:0] bus_addr_i,
    input  wire logic [31:0] bus_wdata_i,
    output      logic [31:0] bus_rdata_o
);
  localparam int WORD = 32 * LANES;
  localparam int PORTS = CORES + 2;
  localparam int HOST = CORES + 1;
  localparam int ADDR = $clog2(MEM_BEATS);

  logic [PORTS-1:0] req_valid, grant, writes, read_q, rsp_valid_q;
  logic [PORTS*pm_pkg::ADDR-1:0] addresses;
  logic [2*WORD-1:0] wdata;
  logic [WORD-1:0] rdata;
  logic [ADDR-1:0] address, address_q;  // of the port that is granted: there is only one in a cycle
  logic write_q;
  logic [WORD-1:0] wdata_q;

  always_comb begin
    address = '0;
    for (int p = 0; p < PORTS; p++) address = address | (addresses[pm_pkg::ADDR*p+:ADDR] & {ADDR{grant[p]}});
  end

  pm_accelerator #(
      .CORES(CORES),
      .VLMAX(VLMAX),
      .FIFO(FIFO),
      .OUTQ(OUTQ),
      .ROM(ROM),
      .MEM_BEATS(MEM_BEATS),
      .BATCH(BATCH),
      .LANES(LANES),
      .ROW_LANES(ROW_LANES),
      .COLUMNS(COLUMNS)
  ) u_accelerator (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .mem_rst_ni(rst_ni),
      .bus_valid_i(bus_valid_i),
      .bus_write_i(bus_write_i),
      .bus_addr_i(bus_addr_i),
      .bus_wdata_i(bus_wdata_i),
      .bus_rdata_o(bus_rdata_o),
      .slots_i(6'd1),
      .req_valid_o(req_valid),
      .req_grant_o(grant),
      .req_write_o(writes),
      .req_addr_o(addresses),
      .req_wdata_o(wdata),
      .rsp_valid_i(rsp_valid_q),
      .rsp_data_i({PORTS{rdata}})
  );

  pm_ram #(
      .WIDTH(WORD),
      .DEPTH(MEM_BEATS)
  ) u_memory (
      .clk_i(clk_i),
      .we_i(write_q),
      .waddr_i(address_q),
      .wdata_i(wdata_q),
      .raddr_i(address_q),
      .rdata_o(rdata)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= 1'b0;
      read_q <= '0;
      rsp_valid_q <= '0;
    end else begin
      write_q <= (grant & writes) != '0;
      read_q <= grant & ~writes & req_valid;
      rsp_valid_q <= read_q;
    end
    address_q <= address;
    wdata_q <= grant[HOST] ? wdata[2*WORD-1:WORD] : wdata[WORD-1:0];
  end
endmodule

`default_nettype wire
