`default_nettype none

// Guards one requester's responses across a reset. Reads that were in flight when the cluster was reset are still
// answered by memory; their responses are dropped, and the requester asks for nothing until the last one has come.
// The count belongs to memory: only `mem_rst_ni`, the reset that memory itself gets, clears it.
module pm_drain #(
    parameter int MAX_READS = 256  // reads in flight
) (
    input  wire logic clk_i,
    input  wire logic rst_ni,
    input  wire logic mem_rst_ni,
    input  wire logic read_i,       // a read is granted
    input  wire logic rsp_valid_i,
    output      logic rsp_valid_o,  // a response to a read after the reset
    output      logic draining_o
);
  localparam int COUNT = $clog2(MAX_READS + 1);

  logic [COUNT-1:0] in_flight_q;
  logic draining_q;

  always_ff @(posedge clk_i) begin
    if (!mem_rst_ni) in_flight_q <= '0;
    else in_flight_q <= in_flight_q + COUNT'(read_i) - COUNT'(rsp_valid_i);
    draining_q <= !rst_ni || (draining_q && in_flight_q != '0);
  end

  assign draining_o  = draining_q;
  assign rsp_valid_o = rsp_valid_i && !draining_q;
endmodule

`default_nettype wire
