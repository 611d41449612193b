`default_nettype none

// A ternary core: takes beats of 16 × 16 weights from its streamer, meets them with words of activations of its own
// copy of the banks, and queues the sums of each block of 16 rows for the collector. Of the blocks of a product it
// takes every CORES-th, from INDEX on.
module pm_ternary_core #(
    parameter int CORES = 1,
    parameter int INDEX = 0,
    parameter int VLMAX = 8192,
    parameter int OUTQ = 8,
    parameter int BATCH = 1,  // activations that each beat of weights meets
    parameter int ROWS = pm_pkg::LANES  // of the array; fewer only to fit a small device
) (
    input  wire logic                                  clk_i,
    input  wire logic                                  rst_ni,
    // a product begins
    input  wire logic                                  go_i,
    input  wire logic [                          16:0] blocks_i,  // of all cores, at least 1
    input  wire logic [$clog2(VLMAX/pm_pkg::LANES):0]  words_i,   // beats of a block, at least 1
    input  wire logic                                  bank_i,
    // activations, written by the row-wise unit
    input  wire logic                                  q_we_i,
    input  wire logic                                  q_bank_i,
    input  wire logic [$clog2(VLMAX/pm_pkg::LANES)-1:0] q_waddr_i,
    input  wire logic [       BATCH*pm_pkg::QWORD-1:0] q_wdata_i,
    // weights
    input  wire logic                                  valid_i,
    input  wire logic                                  dry_i,
    output      logic                                  pop_o,
    input  wire logic [                   32*ROWS-1:0] weights_i,
    output      logic                                  underrun_o,
    // results: the block's sums come in the cycle after it was taken
    output      logic                                  block_o,
    input  wire logic                                  take_i,
    output      logic [             BATCH*32*ROWS-1:0] sums_o
);
  localparam int COL = $clog2(VLMAX / pm_pkg::LANES);
  localparam int QUEUE = OUTQ > 1 ? $clog2(OUTQ) : 1;
  localparam int COUNT = $clog2(OUTQ + 1);

  // What is left of the product.
  logic working_q;
  logic [16:0] blocks_q, block_q;
  logic [COL-1:0] column_q, last_column_q;
  logic bank_q;
  logic [COUNT-1:0] flying_q;  // blocks whose last beat was popped and that were not yet taken
  wire logic last_beat = column_q == last_column_q;
  wire logic [16:0] next_block = block_q + 17'(CORES);

  assign pop_o = working_q && valid_i && !(last_beat && flying_q == COUNT'(OUTQ));
  assign underrun_o = working_q && !valid_i && dry_i;
  wire logic complete = pop_o && last_beat;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      working_q <= 1'b0;
      flying_q <= '0;
    end else begin
      if (go_i) working_q <= 17'(INDEX) < blocks_i;
      else if (complete && next_block >= blocks_q) working_q <= 1'b0;
      flying_q <= flying_q + COUNT'(complete) - COUNT'(take_i);
    end
    if (go_i) begin
      blocks_q <= blocks_i;
      block_q <= 17'(INDEX);
      column_q <= '0;
      last_column_q <= COL'(words_i - 1'b1);
      bank_q <= bank_i;
    end else if (pop_o) begin
      column_q <= last_beat ? '0 : column_q + 1'b1;
      if (last_beat) block_q <= next_block;
    end
  end

  // Activations: both banks in one memory. A word comes with the weights, in the cycle after the pop.
  logic [BATCH*pm_pkg::QWORD-1:0] activations;

  pm_ram #(
      .WIDTH(BATCH * pm_pkg::QWORD),
      .DEPTH(2 << COL)
  ) u_banks (
      .clk_i(clk_i),
      .we_i(q_we_i),
      .waddr_i({q_bank_i, q_waddr_i}),
      .wdata_i(q_wdata_i),
      .raddr_i({bank_q, column_q}),
      .rdata_o(activations)
  );

  // Stages after the pop: 1 memories, 2 weights, 3 groups, 4 dot products, 5 sums, 6 queue.
  logic [4:1] valid_q, first_q;
  logic [6:1] last_q;
  logic [32*ROWS-1:0] weights_q;
  logic [BATCH*32*ROWS-1:0] sums;
  logic [BATCH*pm_pkg::QWORD-1:0] activations_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      last_q <= '0;
    end else begin
      valid_q <= {valid_q[3:1], pop_o};
      last_q <= {last_q[5:1], complete};
    end
    first_q <= {first_q[3:1], column_q == '0};
    if (valid_q[1]) begin
      weights_q <= weights_i;
      activations_q <= activations;
    end
  end

  for (genvar i = 0; i < BATCH * ROWS; i++) begin : gen_row
    pm_ternary_row u_row (
        .clk_i(clk_i),
        .valid1_i(valid_q[2]),
        .valid2_i(valid_q[3]),
        .valid3_i(valid_q[4]),
        .first3_i(first_q[4]),
        .weights_i(weights_q[32*(i%ROWS)+:32]),
        .activations_i(activations_q[(i/ROWS)*pm_pkg::QWORD+:pm_pkg::QWORD]),
        .sum_o(sums[32*i+:32])
    );
  end

  // Blocks that wait for the collector.
  logic [QUEUE-1:0] write_q, read_q;
  logic [COUNT-1:0] ready_q;
  logic [BATCH*32*ROWS-1:0] queue[0:OUTQ-1];
  logic [BATCH*32*ROWS-1:0] sums_q;

  assign block_o = ready_q != '0;
  assign sums_o = sums_q;

  function automatic logic [QUEUE-1:0] following(input logic [QUEUE-1:0] place);
    following = 32'(place) == OUTQ - 1 ? '0 : place + 1'b1;
  endfunction

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q <= '0;
      ready_q <= '0;
    end else begin
      if (last_q[5]) write_q <= following(write_q);
      if (take_i) read_q <= following(read_q);
      ready_q <= ready_q + COUNT'(last_q[6]) - COUNT'(take_i);
    end
    if (last_q[5]) queue[write_q] <= sums;
    if (take_i) sums_q <= queue[read_q];
  end
endmodule

`default_nettype wire
