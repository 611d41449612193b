`default_nettype none

// A FIFO between two clocks. Each side sees the other's pointer in Gray code, through two registers, so it may be told of
// a push or pop some cycles late, but never of one that has not happened. The oldest entry shows while valid_o is set.
module pm_async_fifo #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 16  // a power of two, 4 or more
) (
    input  wire logic             wclk_i,
    input  wire logic             wrst_ni,
    output      logic             ready_o,  // there is room
    input  wire logic             push_i,
    input  wire logic [WIDTH-1:0] data_i,
    input  wire logic             rclk_i,
    input  wire logic             rrst_ni,
    output      logic             valid_o,
    input  wire logic             pop_i,
    output      logic [WIDTH-1:0] data_o
);
  localparam int PLACE = $clog2(DEPTH);

  function automatic logic [PLACE:0] gray(input logic [PLACE:0] count);
    gray = count ^ (count >> 1);
  endfunction

  // One bit more than a place: equal pointers mean empty; full is when they differ in the upper two bits of Gray code.
  logic [PLACE:0] write_q, read_q, write_gray_q, read_gray_q;
  (* async_reg = "true" *) logic [PLACE:0] write_seen1_q, write_seen2_q, read_seen1_q, read_seen2_q;
  logic [WIDTH-1:0] mem[0:DEPTH-1];

  wire logic push = push_i && ready_o;
  wire logic pop = pop_i && valid_o;
  wire logic [PLACE:0] write = write_q + (PLACE + 1)'(push);
  wire logic [PLACE:0] read = read_q + (PLACE + 1)'(pop);

  assign ready_o = write_gray_q != {~read_seen2_q[PLACE:PLACE-1], read_seen2_q[PLACE-2:0]};
  assign valid_o = read_gray_q != write_seen2_q;
  assign data_o  = mem[read_q[PLACE-1:0]];

  always_ff @(posedge wclk_i) begin
    if (push) mem[write_q[PLACE-1:0]] <= data_i;
    if (!wrst_ni) begin
      write_q <= '0;
      write_gray_q <= '0;
      read_seen1_q <= '0;
      read_seen2_q <= '0;
    end else begin
      write_q <= write;
      write_gray_q <= gray(write);
      read_seen1_q <= read_gray_q;
      read_seen2_q <= read_seen1_q;
    end
  end

  always_ff @(posedge rclk_i) begin
    if (!rrst_ni) begin
      read_q <= '0;
      read_gray_q <= '0;
      write_seen1_q <= '0;
      write_seen2_q <= '0;
    end else begin
      read_q <= read;
      read_gray_q <= gray(read);
      write_seen1_q <= write_gray_q;
      write_seen2_q <= write_seen1_q;
    end
  end
endmodule

`default_nettype wire
