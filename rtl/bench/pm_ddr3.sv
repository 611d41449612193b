`default_nettype none

// The accelerator behind AXI with a DDR3 memory behind LiteDRAM's controller, which ddr3.py writes. Outside is only the host.
module pm_ddr3 #(
    parameter int CORES = 1,
    parameter int VLMAX = 256,
    parameter int FIFO = 8,
    parameter int OUTQ = 2,
    parameter int ROM = 1024,
    parameter int MEM_BEATS = 2048,
    parameter int BATCH = 1,
    parameter int ROW_LANES = 4,
    parameter int COLUMNS = 16
) (
    input  wire logic        clk_i,
    input  wire logic        aclk_i,
    input  wire logic        aresetn_i,
    input  wire logic        s_awvalid_i,
    output      logic        s_awready_o,
    input  wire logic [ 6:0] s_awaddr_i,
    input  wire logic        s_wvalid_i,
    output      logic        s_wready_o,
    input  wire logic [31:0] s_wdata_i,
    output      logic        s_bvalid_o,
    input  wire logic        s_bready_i,
    input  wire logic        s_arvalid_i,
    output      logic        s_arready_o,
    input  wire logic [ 6:0] s_araddr_i,
    output      logic        s_rvalid_o,
    input  wire logic        s_rready_i,
    output      logic [31:0] s_rdata_o
);
  localparam int ADDRESS = 27;  // of the memory, in bytes

  logic arvalid, arready, rvalid, rready, awvalid, awready, wvalid, wready, wlast, bvalid, bready;
  logic [5:0] arid, awid, rid;
  logic [33:0] araddr, awaddr;
  logic [7:0] arlen, awlen;
  logic [2:0] arsize, awsize;
  logic [1:0] arburst, awburst;
  logic [pm_pkg::WORD-1:0] rdata, wdata;
  logic [63:0] wstrb;

  pm_axi #(
      .CORES(CORES),
      .VLMAX(VLMAX),
      .FIFO(FIFO),
      .OUTQ(OUTQ),
      .ROM(ROM),
      .MEM_BEATS(MEM_BEATS),
      .BATCH(BATCH),
      .ROW_LANES(ROW_LANES),
      .COLUMNS(COLUMNS)
  ) u_axi (
      .clk_i(clk_i),
      .aclk_i(aclk_i),
      .aresetn_i(aresetn_i),
      .s_awvalid_i(s_awvalid_i),
      .s_awready_o(s_awready_o),
      .s_awaddr_i(s_awaddr_i),
      .s_wvalid_i(s_wvalid_i),
      .s_wready_o(s_wready_o),
      .s_wdata_i(s_wdata_i),
      .s_bvalid_o(s_bvalid_o),
      .s_bready_i(s_bready_i),
      .s_bresp_o(),
      .s_arvalid_i(s_arvalid_i),
      .s_arready_o(s_arready_o),
      .s_araddr_i(s_araddr_i),
      .s_rvalid_o(s_rvalid_o),
      .s_rready_i(s_rready_i),
      .s_rdata_o(s_rdata_o),
      .s_rresp_o(),
      .m_arvalid_o(arvalid),
      .m_arready_i(arready),
      .m_arid_o(arid),
      .m_araddr_o(araddr),
      .m_arlen_o(arlen),
      .m_arsize_o(arsize),
      .m_arburst_o(arburst),
      .m_rvalid_i(rvalid),
      .m_rready_o(rready),
      .m_rid_i(rid),
      .m_rdata_i(rdata),
      .m_awvalid_o(awvalid),
      .m_awready_i(awready),
      .m_awid_o(awid),
      .m_awaddr_o(awaddr),
      .m_awlen_o(awlen),
      .m_awsize_o(awsize),
      .m_awburst_o(awburst),
      .m_wvalid_o(wvalid),
      .m_wready_i(wready),
      .m_wdata_o(wdata),
      .m_wstrb_o(wstrb),
      .m_wlast_o(wlast),
      .m_bvalid_i(bvalid),
      .m_bready_o(bready)
  );

  litedram u_memory (
      .sys_clk(aclk_i),
      .sys_rst(!aresetn_i),
      .ar_valid(arvalid),
      .ar_ready(arready),
      .ar_id(arid),
      .ar_addr(araddr[ADDRESS-1:0]),
      .ar_len(arlen),
      .ar_size(arsize),
      .ar_burst(arburst),
      .r_valid(rvalid),
      .r_ready(rready),
      .r_id(rid),
      .r_data(rdata),
      .aw_valid(awvalid),
      .aw_ready(awready),
      .aw_id(awid),
      .aw_addr(awaddr[ADDRESS-1:0]),
      .aw_len(awlen),
      .aw_size(awsize),
      .aw_burst(awburst),
      .w_valid(wvalid),
      .w_ready(wready),
      .w_data(wdata),
      .w_strb(wstrb),
      .w_last(wlast),
      .b_valid(bvalid),
      .b_ready(bready)
  );
endmodule

`default_nettype wire
