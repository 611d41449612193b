`default_nettype none

// Takes finished blocks from the cores, one a cycle, round robin, to the vector register and to the arg-max. A
// product is done four cycles after its last block was taken.
module pm_collector #(
    parameter int CORES = 1,
    parameter int VLMAX = 8192,
    parameter int BATCH = 1,
    parameter int LANES = pm_pkg::LANES,
    localparam int WORD = 32 * LANES,
    localparam int INDEX = $clog2(VLMAX / LANES)
) (
    input  wire logic                          clk_i,
    input  wire logic                          rst_ni,
    input  wire logic                          go_i,
    input  wire pm_pkg::decoded_t              instr_i,
    output      logic                          busy_o,
    // cores
    input  wire logic [             CORES-1:0] block_i,
    output      logic [             CORES-1:0] take_o,
    input  wire logic [CORES*BATCH*WORD-1:0] sums_i,
    // vector registers
    output      logic                          we_o,
    output      logic [                   2:0] y_o,
    output      logic [             INDEX-1:0] waddr_o,
    output      logic [BATCH*WORD-1:0] wdata_o,
    // index of the greatest sum so far, of each slot
    output      logic [          32*BATCH-1:0] index_o
);
  localparam int CORE_BITS = CORES > 1 ? $clog2(CORES) : 1;
  localparam int LANE = $clog2(LANES);
  localparam int BLOCK = 21 - LANE;  // bits of a count of blocks

  logic busy_q, wr_q, arg_q;
  logic [2:0] y_q;
  logic [19:0] rows_q;
  logic [BLOCK-1:0] left_q;  // blocks not yet taken
  logic [3:1] last_q;  // stages behind the last block

  // Round robin: the first from the pointer on, else the first of all.
  logic [CORE_BITS-1:0] pointer_q, chosen;
  logic found;

  always_comb begin
    found = 1'b0;
    chosen = '0;
    for (int c = 0; c < CORES; c++) begin
      if (!found && block_i[c] && c >= 32'(pointer_q)) begin
        found  = 1'b1;
        chosen = CORE_BITS'(c);
      end
    end
    for (int c = 0; c < CORES; c++) begin
      if (!found && block_i[c]) begin
        found  = 1'b1;
        chosen = CORE_BITS'(c);
      end
    end
    take_o = '0;
    take_o[chosen] = found;
  end

  // The row of blocks that each core is at: core c has blocks c, c + CORES, …
  logic [CORES*BLOCK-1:0] next_q;
  wire logic [BLOCK-1:0] block = next_q[BLOCK*chosen+:BLOCK];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      pointer_q <= '0;
      last_q <= '0;
    end else begin
      if (go_i) busy_q <= 1'b1;
      else if (last_q[3]) busy_q <= 1'b0;
      last_q <= {last_q[2:1], found && left_q == BLOCK'(1)};
      if (found) pointer_q <= 32'(chosen) == CORES - 1 ? '0 : chosen + 1'b1;
    end
    if (go_i) begin
      wr_q <= instr_i.wr;
      arg_q <= instr_i.arg;
      y_q <= instr_i.y;
      rows_q <= instr_i.rows;
      left_q <= BLOCK'((21'(instr_i.rows) + 21'(LANES - 1)) >> LANE);
      for (int c = 0; c < CORES; c++) next_q[BLOCK*c+:BLOCK] <= BLOCK'(c);
    end else if (found) begin
      left_q <= left_q - 1'b1;
      next_q[BLOCK*chosen+:BLOCK] <= block + BLOCK'(CORES);
    end
  end

  // Stage 1: the sums come from the cores; 2: they are written.
  logic [CORE_BITS-1:0] chosen1_q;
  logic [BLOCK-1:0] block1_q;
  logic [INDEX-1:0] block2_q;
  logic [2:1] valid_q;
  localparam int WORDS = BATCH * WORD;
  logic [WORDS-1:0] word2_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[1], found};
    chosen1_q <= chosen;
    block1_q <= block;
    block2_q <= block1_q[INDEX-1:0];
    word2_q <= sums_i[WORDS*chosen1_q+:WORDS];
  end

  assign busy_o = busy_q;
  assign we_o = valid_q[2] && wr_q;
  assign y_o = y_q;
  assign waddr_o = block2_q;
  assign wdata_o = word2_q;

  for (genvar b = 0; b < BATCH; b++) begin : gen_slot
    pm_argmax #(
        .LANES(LANES)
    ) u_argmax (
        .clk_i(clk_i),
        .rst_ni(rst_ni),
        .clear_i(go_i && instr_i.first),
        .valid_i(valid_q[2] && arg_q),
        .next_i(block1_q),
        .sums_i(word2_q[b*WORD+:WORD]),
        .rows_i(rows_q),
        .finish_i(last_q[3] && arg_q),
        .index_o(index_o[32*b+:32])
    );
  end
endmodule

`default_nettype wire
