`default_nettype none

// The accelerator's ports of memory → one AXI4 master of 512 bits on a clock of its own. A request is a transfer of one beat;
// the port is its ID, so responses of different ports may overtake one another. AXI does not order reads behind writes:
// a read therefore waits until all writes have been answered.
module pm_axi_memory #(
    parameter int PORTS = 3,  // the streamers, load/store, the host
    parameter int ID = 6
) (
    // the accelerator
    input  wire logic                          clk_i,
    input  wire logic                          rst_ni,  // the memory's reset, on this clock
    output      logic [                   5:0] slots_o,
    input  wire logic [             PORTS-1:0] req_valid_i,
    input  wire logic [             PORTS-1:0] req_grant_i,
    input  wire logic [             PORTS-1:0] req_write_i,
    input  wire logic [PORTS*pm_pkg::ADDR-1:0] req_addr_i,
    input  wire logic [    2*pm_pkg::WORD-1:0] req_wdata_i,
    output      logic [             PORTS-1:0] rsp_valid_o,
    output      logic [PORTS*pm_pkg::WORD-1:0] rsp_data_o,
    // AXI4
    input  wire logic                          aclk_i,
    input  wire logic                          aresetn_i,
    output      logic                          arvalid_o,
    input  wire logic                          arready_i,
    output      logic [                ID-1:0] arid_o,
    output      logic [                  33:0] araddr_o,
    input  wire logic                          rvalid_i,
    output      logic                          rready_o,
    input  wire logic [                ID-1:0] rid_i,
    input  wire logic [      pm_pkg::WORD-1:0] rdata_i,
    output      logic                          awvalid_o,
    input  wire logic                          awready_i,
    output      logic [                  33:0] awaddr_o,
    output      logic                          wvalid_o,
    input  wire logic                          wready_i,
    output      logic [      pm_pkg::WORD-1:0] wdata_o,
    input  wire logic                          bvalid_i,
    output      logic                          bready_o
);
  localparam int HOST = PORTS - 1;
  localparam int LOAD_STORE = PORTS - 2;
  localparam int WRITES = 15;  // that may wait for an answer

  // The request of this cycle: at most one is granted.
  logic [ID-1:0] id;
  logic [pm_pkg::ADDR-1:0] address;
  always_comb begin
    id = '0;
    address = '0;
    for (int p = 0; p < PORTS; p++) begin
      id = id | (ID'(p) & {ID{req_grant_i[p]}});
      address = address | (req_addr_i[pm_pkg::ADDR*p+:pm_pkg::ADDR] & {pm_pkg::ADDR{req_grant_i[p]}});
    end
  end
  wire logic [pm_pkg::WORD-1:0] wdata = req_grant_i[HOST] ? req_wdata_i[2*pm_pkg::WORD-1:pm_pkg::WORD] : req_wdata_i[pm_pkg::WORD-1:0];
  wire logic granted = req_grant_i != '0;
  wire logic write = (req_grant_i & req_write_i) != '0;

  // The host comes first, then load/store: if either wants to write, the next request is a write.
  logic [3:0] writes_q;  // without an answer
  logic request_room, write_room, answered;
  wire logic host_writes = req_valid_i[HOST] && req_write_i[HOST];
  wire logic store = !req_valid_i[HOST] && req_valid_i[LOAD_STORE] && req_write_i[LOAD_STORE];
  wire logic may_write = writes_q != 4'(WRITES) && write_room;
  assign slots_o = 6'(request_room && (host_writes || store ? may_write : writes_q == '0));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) writes_q <= '0;
    else writes_q <= writes_q + 4'(write) - 4'(answered);
  end

  // Reads and writes, each in a FIFO of its own.
  pm_async_fifo #(
      .WIDTH(ID + pm_pkg::ADDR)
  ) u_reads (
      .wclk_i(clk_i),
      .wrst_ni(rst_ni),
      .ready_o(request_room),
      .push_i(granted && !write),
      .data_i({id, address}),
      .rclk_i(aclk_i),
      .rrst_ni(aresetn_i),
      .valid_o(arvalid_o),
      .pop_i(arready_i),
      .data_o({arid_o, araddr_o[33:6]})
  );
  assign araddr_o[5:0] = '0;

  logic write_valid, write_done, aw_done_q, w_done_q;
  pm_async_fifo #(
      .WIDTH(pm_pkg::ADDR + pm_pkg::WORD),
      .DEPTH(4)
  ) u_writes (
      .wclk_i(clk_i),
      .wrst_ni(rst_ni),
      .ready_o(write_room),
      .push_i(write),
      .data_i({address, wdata}),
      .rclk_i(aclk_i),
      .rrst_ni(aresetn_i),
      .valid_o(write_valid),
      .pop_i(write_done),
      .data_o({awaddr_o[33:6], wdata_o})
  );
  assign awaddr_o[5:0] = '0;

  // A write's address and data may be taken in different cycles.
  assign awvalid_o = write_valid && !aw_done_q;
  assign wvalid_o = write_valid && !w_done_q;
  assign write_done = write_valid && (aw_done_q || awready_i) && (w_done_q || wready_i);

  always_ff @(posedge aclk_i) begin
    if (!aresetn_i || write_done) begin
      aw_done_q <= 1'b0;
      w_done_q <= 1'b0;
    end else if (write_valid) begin
      aw_done_q <= aw_done_q || awready_i;
      w_done_q <= w_done_q || wready_i;
    end
  end

  logic answer;
  pm_async_fifo #(
      .WIDTH(1)
  ) u_answers (
      .wclk_i(aclk_i),
      .wrst_ni(aresetn_i),
      .ready_o(bready_o),
      .push_i(bvalid_i),
      .data_i(1'b1),
      .rclk_i(clk_i),
      .rrst_ni(rst_ni),
      .valid_o(answered),
      .pop_i(1'b1),
      .data_o(answer)
  );

  // Responses: ports always have room.
  logic response;
  logic [ID-1:0] response_id;
  logic [pm_pkg::WORD-1:0] response_data;
  pm_async_fifo #(
      .WIDTH(ID + pm_pkg::WORD)
  ) u_responses (
      .wclk_i(aclk_i),
      .wrst_ni(aresetn_i),
      .ready_o(rready_o),
      .push_i(rvalid_i),
      .data_i({rid_i, rdata_i}),
      .rclk_i(clk_i),
      .rrst_ni(rst_ni),
      .valid_o(response),
      .pop_i(1'b1),
      .data_o({response_id, response_data})
  );

  for (genvar p = 0; p < PORTS; p++) begin : gen_response
    assign rsp_valid_o[p] = response && response_id == ID'(p);
  end
  assign rsp_data_o = {PORTS{response_data}};

  wire logic unused = answer;  // a pulse carries nothing
endmodule

`default_nettype wire
