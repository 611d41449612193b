`default_nettype none

// A ternary core: takes beats of ROWS × COLUMNS weights from its streamer, meets them with words of activations of its own
// copy of the banks, and queues the sums of each block of ROWS rows for the collector. Of the blocks of a product it
// takes every CORES-th, from INDEX on.
module pm_ternary_core #(
    parameter int CORES = 1,
    parameter int INDEX = 0,
    parameter int VLMAX = 8192,
    parameter int OUTQ = 8,
    parameter int BATCH = 1,  // activations that each beat of weights meets
    parameter int COLUMNS = 16,  // weights in the 32 bits of a row: 16 of two bits, or 20, five trits a byte
    parameter int PARTS = 1,  // of a word of activations, written separately
    parameter int ROWS = pm_pkg::LANES,
    localparam int BLOCK = 21 - $clog2(ROWS),  // bits of a count of blocks
    localparam int COL = $clog2((VLMAX + COLUMNS - 1) / COLUMNS)
) (
    input  wire logic                                  clk_i,
    input  wire logic                                  rst_ni,
    // a product begins
    input  wire logic                                  go_i,
    input  wire logic [                     BLOCK-1:0] blocks_i,  // of all cores, at least 1
    input  wire logic [                          13:0] columns_i,  // of the product, at least 1
    input  wire logic                                  bank_i,
    // activations, written by the row-wise unit: each part for itself
    input  wire logic [                     PARTS-1:0] q_we_i,
    input  wire logic                                  q_bank_i,
    input  wire logic [                 PARTS*COL-1:0] q_waddr_i,
    input  wire logic [           BATCH*8*COLUMNS-1:0] q_wdata_i,
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
  localparam int QUEUE = OUTQ > 1 ? $clog2(OUTQ) : 1;
  localparam int COUNT = $clog2(OUTQ + 1);

  // What is left of the product.
  logic working_q;
  logic [BLOCK-1:0] blocks_q, block_q;
  logic [COL-1:0] column_q;  // of the banks' words
  logic [13:0] columns_q, left_q;  // of the product; of which a block has yet to meet
  logic bank_q;
  logic [COUNT-1:0] flying_q;  // blocks whose last beat was popped and that were not yet taken
  wire logic last_beat = left_q <= 14'(COLUMNS);
  wire logic [BLOCK-1:0] next_block = block_q + BLOCK'(CORES);

  assign pop_o = working_q && valid_i && !(last_beat && flying_q == COUNT'(OUTQ));
  assign underrun_o = working_q && !valid_i && dry_i;
  wire logic complete = pop_o && last_beat;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      working_q <= 1'b0;
      flying_q <= '0;
    end else begin
      if (go_i) working_q <= BLOCK'(INDEX) < blocks_i;
      else if (complete && next_block >= blocks_q) working_q <= 1'b0;
      flying_q <= flying_q + COUNT'(complete) - COUNT'(take_i);
    end
    if (go_i) begin
      blocks_q <= blocks_i;
      block_q <= BLOCK'(INDEX);
      column_q <= '0;
      columns_q <= columns_i;
      left_q <= columns_i;
      bank_q <= bank_i;
    end else if (pop_o) begin
      column_q <= last_beat ? '0 : column_q + 1'b1;
      left_q <= last_beat ? columns_q : left_q - 14'(COLUMNS);
      if (last_beat) block_q <= next_block;
    end
  end

  // Activations: both banks in one memory for each part. A word comes with the weights, in the cycle after the pop.
  localparam int PART = BATCH * 8 * COLUMNS / PARTS;
  logic [BATCH*8*COLUMNS-1:0] activations;  // of all slots the first part, then the next one

  for (genvar p = 0; p < PARTS; p++) begin : gen_part
    pm_ram #(
        .WIDTH(PART),
        .DEPTH(2 << COL)
    ) u_banks (
        .clk_i(clk_i),
        .we_i(q_we_i[p]),
        .waddr_i({q_bank_i, q_waddr_i[COL*p+:COL]}),
        .wdata_i(q_wdata_i[PART*p+:PART]),
        .raddr_i({bank_q, column_q}),
        .rdata_o(activations[PART*p+:PART])
    );
  end

  // Weights as codes of two bits.
  logic [2*COLUMNS*ROWS-1:0] codes;

  if (COLUMNS == 16) begin : gen_codes
    assign codes = weights_i;
  end else begin : gen_trits
    for (genvar i = 0; i < 4 * ROWS; i++) begin : gen_byte
      pm_trits u_trits (
          .byte_i(weights_i[8*i+:8]),
          .codes_o(codes[10*i+:10])
      );
    end
  end

  // Stages after the pop: 1 memories, 2 weights, 3 groups, 4 dot products, 5 sums, 6 queue.
  logic [4:1] valid_q, first_q;
  logic [6:1] last_q;
  logic [2*COLUMNS*ROWS-1:0] weights_q;
  logic [BATCH*32*ROWS-1:0] sums;
  logic [BATCH*8*COLUMNS-1:0] activations_q;

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
      weights_q <= codes;
      activations_q <= activations;
    end
  end

  for (genvar i = 0; i < BATCH * ROWS; i++) begin : gen_row
    localparam int SLOT = i / ROWS;
    localparam int SHARE = 8 * COLUMNS / PARTS;  // of a slot in a part
    logic [8*COLUMNS-1:0] word;

    for (genvar p = 0; p < PARTS; p++) begin : gen_word
      assign word[SHARE*p+:SHARE] = activations_q[PART*p+SHARE*SLOT+:SHARE];
    end

    pm_ternary_row #(
        .COLUMNS(COLUMNS)
    ) u_row (
        .clk_i(clk_i),
        .valid1_i(valid_q[2]),
        .valid2_i(valid_q[3]),
        .valid3_i(valid_q[4]),
        .first3_i(first_q[4]),
        .weights_i(weights_q[2*COLUMNS*(i%ROWS)+:2*COLUMNS]),
        .activations_i(word),
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
