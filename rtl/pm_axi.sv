`default_nettype none

// The top for a board with AXI: AXI4-Lite for the host's registers, one AXI4 master of 512 bits for memory, both on the bus's
// clock; the accelerator runs on a clock of its own. Constant AXI signals (bursts of one beat, 64 bytes, incrementing;
// all strobes set) are outputs too, so that an interconnect can be connected without glue.
module pm_axi #(
    parameter int CORES = 1,
    parameter int VLMAX = 8192,
    parameter int FIFO = 256,
    parameter int OUTQ = 8,
    parameter int ROM = 4096,
    parameter int MEM_BEATS = 4096,
    parameter int BATCH = 1,
    parameter int ROW_LANES = pm_pkg::LANES,
    parameter int COLUMNS = 16,
    localparam int ID = 6
) (
    input  wire logic                    clk_i,  // the accelerator's
    input  wire logic                    aclk_i,  // the bus's
    input  wire logic                    aresetn_i,  // of everything; may come and go at any time
    // AXI4-Lite slave, addresses in bytes
    input  wire logic                    s_awvalid_i,
    output      logic                    s_awready_o,
    input  wire logic [             6:0] s_awaddr_i,
    input  wire logic                    s_wvalid_i,
    output      logic                    s_wready_o,
    input  wire logic [            31:0] s_wdata_i,
    output      logic                    s_bvalid_o,
    input  wire logic                    s_bready_i,
    output      logic [             1:0] s_bresp_o,
    input  wire logic                    s_arvalid_i,
    output      logic                    s_arready_o,
    input  wire logic [             6:0] s_araddr_i,
    output      logic                    s_rvalid_o,
    input  wire logic                    s_rready_i,
    output      logic [            31:0] s_rdata_o,
    output      logic [             1:0] s_rresp_o,
    // AXI4 master
    output      logic                    m_arvalid_o,
    input  wire logic                    m_arready_i,
    output      logic [          ID-1:0] m_arid_o,
    output      logic [            33:0] m_araddr_o,
    output      logic [             7:0] m_arlen_o,
    output      logic [             2:0] m_arsize_o,
    output      logic [             1:0] m_arburst_o,
    input  wire logic                    m_rvalid_i,
    output      logic                    m_rready_o,
    input  wire logic [          ID-1:0] m_rid_i,
    input  wire logic [pm_pkg::WORD-1:0] m_rdata_i,
    output      logic                    m_awvalid_o,
    input  wire logic                    m_awready_i,
    output      logic [          ID-1:0] m_awid_o,
    output      logic [            33:0] m_awaddr_o,
    output      logic [             7:0] m_awlen_o,
    output      logic [             2:0] m_awsize_o,
    output      logic [             1:0] m_awburst_o,
    output      logic                    m_wvalid_o,
    input  wire logic                    m_wready_i,
    output      logic [pm_pkg::WORD-1:0] m_wdata_o,
    output      logic [            63:0] m_wstrb_o,
    output      logic                    m_wlast_o,
    input  wire logic                    m_bvalid_i,
    output      logic                    m_bready_o
);
  localparam int PORTS = CORES + 2;

  // Reset: at once on both clocks, released in step with each.
  (* async_reg = "true" *) logic [1:0] reset_q, areset_q;
  always_ff @(posedge clk_i or negedge aresetn_i) begin
    if (!aresetn_i) reset_q <= '0;
    else reset_q <= {reset_q[0], 1'b1};
  end
  always_ff @(posedge aclk_i or negedge aresetn_i) begin
    if (!aresetn_i) areset_q <= '0;
    else areset_q <= {areset_q[0], 1'b1};
  end
  wire logic rst_n = reset_q[1];
  wire logic areset_n = areset_q[1];

  logic bus_valid, bus_write;
  logic [4:0] bus_addr;
  logic [31:0] bus_wdata, bus_rdata;
  logic [5:0] slots;
  logic [PORTS-1:0] req_valid, grant, writes, rsp_valid;
  logic [PORTS*pm_pkg::ADDR-1:0] addresses;
  logic [2*pm_pkg::WORD-1:0] wdata;
  logic [PORTS*pm_pkg::WORD-1:0] rsp_data;

  pm_axi_lite u_lite (
      .aclk_i(aclk_i),
      .aresetn_i(areset_n),
      .awvalid_i(s_awvalid_i),
      .awready_o(s_awready_o),
      .awaddr_i(s_awaddr_i),
      .wvalid_i(s_wvalid_i),
      .wready_o(s_wready_o),
      .wdata_i(s_wdata_i),
      .bvalid_o(s_bvalid_o),
      .bready_i(s_bready_i),
      .bresp_o(s_bresp_o),
      .arvalid_i(s_arvalid_i),
      .arready_o(s_arready_o),
      .araddr_i(s_araddr_i),
      .rvalid_o(s_rvalid_o),
      .rready_i(s_rready_i),
      .rdata_o(s_rdata_o),
      .rresp_o(s_rresp_o),
      .clk_i(clk_i),
      .rst_ni(rst_n),
      .bus_valid_o(bus_valid),
      .bus_write_o(bus_write),
      .bus_addr_o(bus_addr),
      .bus_wdata_o(bus_wdata),
      .bus_rdata_i(bus_rdata)
  );

  pm_accelerator #(
      .CORES(CORES),
      .VLMAX(VLMAX),
      .FIFO(FIFO),
      .OUTQ(OUTQ),
      .ROM(ROM),
      .MEM_BEATS(MEM_BEATS),
      .BATCH(BATCH),
      .ROW_LANES(ROW_LANES),
      .COLUMNS(COLUMNS)
  ) u_accelerator (
      .clk_i(clk_i),
      .rst_ni(rst_n),
      .mem_rst_ni(rst_n),
      .bus_valid_i(bus_valid),
      .bus_write_i(bus_write),
      .bus_addr_i(bus_addr),
      .bus_wdata_i(bus_wdata),
      .bus_rdata_o(bus_rdata),
      .slots_i(slots),
      .req_valid_o(req_valid),
      .req_grant_o(grant),
      .req_write_o(writes),
      .req_addr_o(addresses),
      .req_wdata_o(wdata),
      .rsp_valid_i(rsp_valid),
      .rsp_data_i(rsp_data)
  );

  pm_axi_memory #(
      .PORTS(PORTS),
      .ID(ID)
  ) u_memory (
      .clk_i(clk_i),
      .rst_ni(rst_n),
      .slots_o(slots),
      .req_valid_i(req_valid),
      .req_grant_i(grant),
      .req_write_i(writes),
      .req_addr_i(addresses),
      .req_wdata_i(wdata),
      .rsp_valid_o(rsp_valid),
      .rsp_data_o(rsp_data),
      .aclk_i(aclk_i),
      .aresetn_i(areset_n),
      .arvalid_o(m_arvalid_o),
      .arready_i(m_arready_i),
      .arid_o(m_arid_o),
      .araddr_o(m_araddr_o),
      .rvalid_i(m_rvalid_i),
      .rready_o(m_rready_o),
      .rid_i(m_rid_i),
      .rdata_i(m_rdata_i),
      .awvalid_o(m_awvalid_o),
      .awready_i(m_awready_i),
      .awaddr_o(m_awaddr_o),
      .wvalid_o(m_wvalid_o),
      .wready_i(m_wready_i),
      .wdata_o(m_wdata_o),
      .bvalid_i(m_bvalid_i),
      .bready_o(m_bready_o)
  );

  assign m_arlen_o = '0;
  assign m_arsize_o = 3'd6;
  assign m_arburst_o = 2'd1;
  assign m_awid_o = '0;
  assign m_awlen_o = '0;
  assign m_awsize_o = 3'd6;
  assign m_awburst_o = 2'd1;
  assign m_wstrb_o = '1;
  assign m_wlast_o = 1'b1;
endmodule

`default_nettype wire
