`default_nettype none

// A memory with one port for writing and one for reading; read data come in the cycle after the address. What is
// read from the address being written is not defined: nobody may look at it, so synthesis need not guard against it.
module pm_ram #(
    parameter int WIDTH = 512,
    parameter int DEPTH = 512
) (
    input  wire logic                     clk_i,
    input  wire logic                     we_i,
    input  wire logic [$clog2(DEPTH)-1:0] waddr_i,
    input  wire logic [        WIDTH-1:0] wdata_i,
    input  wire logic [$clog2(DEPTH)-1:0] raddr_i,
    output      logic [        WIDTH-1:0] rdata_o
);
  (* no_rw_check *) logic [WIDTH-1:0] mem[0:DEPTH-1];

  always_ff @(posedge clk_i) begin
    if (we_i) mem[waddr_i] <= wdata_i;
    rdata_o <= mem[raddr_i];
  end
endmodule

`default_nettype wire
