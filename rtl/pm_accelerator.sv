`default_nettype none

// The top that a board carries: the cluster, its instruction memory, and the host's registers. Memory sees one port
// more than the cluster has: the host's, which is served first.
module pm_accelerator #(
    parameter int CORES = 1,
    parameter int VLMAX = 8192,
    parameter int FIFO = 256,
    parameter int OUTQ = 8,
    parameter int ROM = 4096,  // 2 or more
    parameter int MEM_BEATS = 4096,
    parameter int BATCH = 1,
    parameter int LANES = pm_pkg::LANES,
    parameter int ROW_LANES = LANES,
    parameter int COLUMNS = 16,
    localparam int WORD = 32 * LANES,
    localparam int PORTS = CORES + 2  // the streamers, load/store, the host
) (
    input  wire logic                          clk_i,
    input  wire logic                          rst_ni,
    input  wire logic                          mem_rst_ni,
    // host
    input  wire logic                          bus_valid_i,
    input  wire logic                          bus_write_i,
    input  wire logic [                   4:0] bus_addr_i,
    input  wire logic [                  31:0] bus_wdata_i,
    output      logic [                  31:0] bus_rdata_o,
    // memory
    input  wire logic [                   5:0] slots_i,
    output      logic [             PORTS-1:0] req_valid_o,
    output      logic [             PORTS-1:0] req_grant_o,
    output      logic [             PORTS-1:0] req_write_o,
    output      logic [PORTS*pm_pkg::ADDR-1:0] req_addr_o,
    output      logic [  2*WORD-1:0]   req_wdata_o,  // load/store's, then the host's
    input  wire logic [             PORTS-1:0] rsp_valid_i,
    input  wire logic [PORTS*WORD-1:0] rsp_data_i
);
  localparam int HOST = CORES + 1;

  logic cluster_rst_n, halted, tok_valid, tok_end, tok_ready, out_valid, rom_we;
  logic [32*BATCH-1:0] tok, out_tok;
  logic [BATCH-1:0] tok_active;
  logic [2:0] fault;
  logic [15:0] fault_pc, rom_addr, rom_waddr;
  logic [63:0] rom_data, rom_wdata;
  logic host_req, host_rsp, host_draining;

  wire logic host_grant = host_req && !host_draining && slots_i != '0;

  pm_host #(
      .CORES(CORES),
      .VLMAX(VLMAX),
      .ROM(ROM),
      .BATCH(BATCH),
      .LANES(LANES)
  ) u_host (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .bus_valid_i(bus_valid_i),
      .bus_write_i(bus_write_i),
      .bus_addr_i(bus_addr_i),
      .bus_wdata_i(bus_wdata_i),
      .bus_rdata_o(bus_rdata_o),
      .cluster_rst_no(cluster_rst_n),
      .halted_i(halted),
      .fault_i(fault),
      .fault_pc_i(fault_pc),
      .tok_valid_o(tok_valid),
      .tok_end_o(tok_end),
      .tok_o(tok),
      .tok_active_o(tok_active),
      .tok_ready_i(tok_ready),
      .out_valid_i(out_valid),
      .out_tok_i(out_tok),
      .rom_we_o(rom_we),
      .rom_waddr_o(rom_waddr),
      .rom_wdata_o(rom_wdata),
      .req_o(host_req),
      .req_write_o(req_write_o[HOST]),
      .req_addr_o(req_addr_o[pm_pkg::ADDR*HOST+:pm_pkg::ADDR]),
      .req_wdata_o(req_wdata_o[WORD+:WORD]),
      .grant_i(host_grant),
      .rsp_valid_i(host_rsp),
      .rsp_data_i(rsp_data_i[WORD*HOST+:WORD])
  );

  pm_drain #(
      .MAX_READS(1)
  ) u_drain (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .mem_rst_ni(mem_rst_ni),
      .read_i(host_grant && !req_write_o[HOST]),
      .rsp_valid_i(rsp_valid_i[HOST]),
      .rsp_valid_o(host_rsp),
      .draining_o(host_draining)
  );

  pm_ram #(
      .WIDTH(64),
      .DEPTH(ROM)
  ) u_rom (
      .clk_i(clk_i),
      .we_i(rom_we),
      .waddr_i(rom_waddr[$clog2(ROM)-1:0]),
      .wdata_i(rom_wdata),
      .raddr_i(rom_addr[$clog2(ROM)-1:0]),
      .rdata_o(rom_data)
  );

  pm_cluster #(
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
  ) u_cluster (
      .clk_i(clk_i),
      .rst_ni(cluster_rst_n),
      .mem_rst_ni(mem_rst_ni),
      .rom_addr_o(rom_addr),
      .rom_data_i(rom_data),
      .slots_i(slots_i - 6'(host_grant)),
      .req_valid_o(req_valid_o[HOST-1:0]),
      .req_addr_o(req_addr_o[pm_pkg::ADDR*HOST-1:0]),
      .req_write_o(req_write_o[HOST-1:0]),
      .req_wdata_o(req_wdata_o[WORD-1:0]),
      .req_grant_o(req_grant_o[HOST-1:0]),
      .rsp_valid_i(rsp_valid_i[HOST-1:0]),
      .rsp_data_i(rsp_data_i[WORD*HOST-1:0]),
      .tok_valid_i(tok_valid),
      .tok_end_i(tok_end),
      .tok_i(tok),
      .tok_active_i(tok_active),
      .tok_ready_o(tok_ready),
      .out_valid_o(out_valid),
      .out_tok_o(out_tok),
      .halted_o(halted),
      .fault_o(fault),
      .fault_pc_o(fault_pc)
  );

  assign req_valid_o[HOST] = host_req && !host_draining;
  assign req_grant_o[HOST] = host_grant;
endmodule

`default_nettype wire
