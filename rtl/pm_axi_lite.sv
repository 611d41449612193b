`default_nettype none

// AXI4-Lite → the host's bus, over to the cluster's clock. One access is under way at a time: it waits here, unchanged, while
// a toggle that asks for it, and one that answers, cross between the clocks. Registers are four bytes each; strobes are
// not looked at, as every register is written as a whole.
module pm_axi_lite (
    input  wire logic        aclk_i,
    input  wire logic        aresetn_i,
    input  wire logic        awvalid_i,
    output      logic        awready_o,
    input  wire logic [ 6:0] awaddr_i,
    input  wire logic        wvalid_i,
    output      logic        wready_o,
    input  wire logic [31:0] wdata_i,
    output      logic        bvalid_o,
    input  wire logic        bready_i,
    output      logic [ 1:0] bresp_o,
    input  wire logic        arvalid_i,
    output      logic        arready_o,
    input  wire logic [ 6:0] araddr_i,
    output      logic        rvalid_o,
    input  wire logic        rready_i,
    output      logic [31:0] rdata_o,
    output      logic [ 1:0] rresp_o,
    // the bus, on the cluster's clock
    input  wire logic        clk_i,
    input  wire logic        rst_ni,
    output      logic        bus_valid_o,
    output      logic        bus_write_o,
    output      logic [ 4:0] bus_addr_o,
    output      logic [31:0] bus_wdata_o,
    input  wire logic [31:0] bus_rdata_i
);
  logic ask_q, answer_q;  // toggles
  (* async_reg = "true" *) logic ask_seen1_q, ask_seen2_q, answer_seen1_q, answer_seen2_q;
  logic busy_q, write_q;
  logic [4:0] addr_q;
  logic [31:0] wdata_q, rdata_q;

  // Writes first; both channels of a write are taken together.
  wire logic take_write = !busy_q && awvalid_i && wvalid_i;
  wire logic take_read = !busy_q && !take_write && arvalid_i;
  wire logic done = busy_q && answer_seen2_q == ask_q && !bvalid_o && !rvalid_o;

  assign awready_o = take_write;
  assign wready_o = take_write;
  assign arready_o = take_read;
  assign bresp_o = 2'b00;
  assign rresp_o = 2'b00;
  assign rdata_o = rdata_q;

  always_ff @(posedge aclk_i) begin
    if (!aresetn_i) begin
      ask_q <= 1'b0;
      busy_q <= 1'b0;
      bvalid_o <= 1'b0;
      rvalid_o <= 1'b0;
      answer_seen1_q <= 1'b0;
      answer_seen2_q <= 1'b0;
    end else begin
      answer_seen1_q <= answer_q;
      answer_seen2_q <= answer_seen1_q;
      if (take_write || take_read) begin
        busy_q <= 1'b1;
        ask_q <= !ask_q;
      end
      if (done) begin
        bvalid_o <= write_q;
        rvalid_o <= !write_q;
      end
      if ((bvalid_o && bready_i) || (rvalid_o && rready_i)) begin
        bvalid_o <= 1'b0;
        rvalid_o <= 1'b0;
        busy_q <= 1'b0;
      end
    end
    if (take_write || take_read) begin
      write_q <= take_write;
      addr_q <= take_write ? awaddr_i[6:2] : araddr_i[6:2];
      wdata_q <= wdata_i;
    end
  end

  // On the cluster's clock: the access, then its data a cycle later, then the answer.
  logic asked_q, reading_q;
  assign bus_valid_o = ask_seen2_q != asked_q;
  assign bus_write_o = write_q;
  assign bus_addr_o = addr_q;
  assign bus_wdata_o = wdata_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ask_seen1_q <= 1'b0;
      ask_seen2_q <= 1'b0;
      asked_q <= 1'b0;
      reading_q <= 1'b0;
      answer_q <= 1'b0;
    end else begin
      ask_seen1_q <= ask_q;
      ask_seen2_q <= ask_seen1_q;
      asked_q <= ask_seen2_q;
      reading_q <= bus_valid_o;
      if (reading_q) answer_q <= asked_q;
    end
    if (reading_q) rdata_q <= bus_rdata_i;
  end
endmodule

`default_nettype wire
