`default_nettype none

// Asks memory for a stream of weights, beat after beat, and keeps what comes in a FIFO. It asks only for what has
// room, so that memory needs no way to be held up.
module pm_streamer #(
    parameter int FIFO = 256,  // beats, a power of two
    parameter int WORD = pm_pkg::WORD  // bits of a beat
) (
    input  wire logic                    clk_i,
    input  wire logic                    rst_ni,
    // wst
    input  wire logic                    go_i,
    input  wire logic [pm_pkg::ADDR-1:0] addr_i,
    input  wire logic [            24:0] beats_i,
    output      logic                    asking_o,  // has beats left to ask for
    // memory
    output      logic                    req_o,
    output      logic [pm_pkg::ADDR-1:0] req_addr_o,
    input  wire logic                    grant_i,
    input  wire logic                    rsp_valid_i,
    input  wire logic [    WORD-1:0] rsp_data_i,
    // the core: data come in the cycle after the pop
    output      logic                    valid_o,
    output      logic                    dry_o,  // empty, and nothing left to ask for or to receive
    input  wire logic                    pop_i,
    output      logic [    WORD-1:0] data_o
);
  localparam int DEPTH = $clog2(FIFO);

  logic [24:0] ask_q;
  logic [pm_pkg::ADDR-1:0] addr_q;
  logic [DEPTH:0] used_q, held_q;  // beats on their way or in the FIFO; in the FIFO
  logic [DEPTH-1:0] read_q, write_q;

  assign asking_o = ask_q != '0;
  assign req_o = asking_o && !used_q[DEPTH];
  assign req_addr_o = addr_q;
  wire logic granted = req_o && grant_i;
  assign valid_o = held_q != '0;
  assign dry_o = !asking_o && used_q == '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ask_q <= '0;
      used_q <= '0;
      held_q <= '0;
      read_q <= '0;
      write_q <= '0;
    end else begin
      if (go_i) ask_q <= beats_i;
      else if (granted) ask_q <= ask_q - 25'd1;
      used_q <= used_q + {{DEPTH{1'b0}}, granted} - {{DEPTH{1'b0}}, pop_i};
      held_q <= held_q + {{DEPTH{1'b0}}, rsp_valid_i} - {{DEPTH{1'b0}}, pop_i};
      if (pop_i) read_q <= read_q + 1'b1;
      if (rsp_valid_i) write_q <= write_q + 1'b1;
    end
    if (go_i) addr_q <= addr_i;
    else if (granted) addr_q <= addr_q + 28'd1;
  end

  pm_ram #(
      .WIDTH(WORD),
      .DEPTH(FIFO)
  ) u_fifo (
      .clk_i(clk_i),
      .we_i(rsp_valid_i),
      .waddr_i(write_q),
      .wdata_i(rsp_data_i),
      .raddr_i(read_q),
      .rdata_o(data_o)
  );
endmodule

`default_nettype wire
