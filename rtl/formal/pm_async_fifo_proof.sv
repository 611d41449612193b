`default_nettype none

// For all orders of the edges of two clocks, and of pushes and pops: entries come out once each, in the order in which they
// went in, and no more than DEPTH are inside. Both sides begin as after a reset.
module pm_async_fifo_proof (
    input wire logic wclk_i,
    input wire logic rclk_i,
    input wire logic push_i,
    input wire logic pop_i
);
  localparam int DEPTH = 4;

  logic ready, valid;
  logic [2:0] pushed_q = '0;
  logic [2:0] popped_q = '0;
  logic [2:0] data;
  wire logic [2:0] inside = pushed_q - popped_q;

  pm_async_fifo #(
      .WIDTH(3),
      .DEPTH(DEPTH)
  ) u_fifo (
      .wclk_i(wclk_i),
      .wrst_ni(1'b1),
      .ready_o(ready),
      .push_i(push_i),
      .data_i(pushed_q),
      .rclk_i(rclk_i),
      .rrst_ni(1'b1),
      .valid_o(valid),
      .pop_i(pop_i),
      .data_o(data)
  );

  always_ff @(posedge wclk_i) if (push_i && ready) pushed_q <= pushed_q + 3'd1;
  always_ff @(posedge rclk_i) if (pop_i && valid) popped_q <= popped_q + 3'd1;

  always_comb begin
    assert (inside <= 3'(DEPTH));
    if (valid) assert (inside != '0 && data == popped_q);
  end
endmodule

`default_nettype wire
