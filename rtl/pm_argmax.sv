`default_nettype none

// Keeps the greatest sum and its index over the rows of one product or of several: of equal sums the one with the
// smallest index. A word takes two cycles: the best of its lanes, then that against the best so far.
module pm_argmax #(
    parameter int LANES = pm_pkg::LANES,
    localparam int LANE = $clog2(LANES),
    localparam int BLOCK = 21 - LANE
) (
    input  wire logic                    clk_i,
    input  wire logic                    rst_ni,
    input  wire logic                    clear_i,   // the search begins again
    input  wire logic [       BLOCK-1:0] next_i,    // the block of the next cycle
    input  wire logic                    valid_i,
    input  wire logic [    32*LANES-1:0] sums_i,
    input  wire logic [            19:0] rows_i,
    input  wire logic                    finish_i,  // the product is done: the next one's rows follow
    output      logic [            31:0] index_o
);
  // Rounds of pairs: the right one wins only if it is greater. Lanes beyond the rows have lost beforehand; lane 0
  // always exists. Two rounds leave four candidates, of lanes 0–3, 4–7 and so on.
  localparam int CANDIDATES = LANES / 4;

  function automatic logic wins(input logic exists, input logic [31:0] right, input logic [31:0] left);
    wins = exists && $signed(right) > $signed(left);
  endfunction

  logic [31:0] base_q, block_base;  // index of the first row of the product; of the block
  logic [31:0] value[0:LANES-1];
  logic [LANE-1:0] lane[0:LANES-1];
  logic [LANES-1:0] exists_q;
  logic [BLOCK-1:0] block_q;

  always_ff @(posedge clk_i) begin
    block_q <= next_i;
    for (int i = 0; i < LANES; i++) exists_q[i] <= {next_i, LANE'(i)} < {1'b0, rows_i};
  end

  always_comb begin
    block_base = base_q + 32'({block_q, LANE'(0)});
    for (int i = 0; i < LANES; i++) begin
      value[i] = sums_i[32*i+:32];
      lane[i] = LANE'(i);
    end
    for (int step = 1; step < 4; step = 2 * step) begin
      for (int i = 0; i < LANES; i = i + 2 * step) begin
        if (wins(exists_q[i+step], value[i+step], value[i])) begin
          value[i] = value[i+step];
          lane[i]  = lane[i+step];
        end
      end
    end
  end

  // The last two rounds, then that against the best so far.
  logic valid1_q;
  logic [32*CANDIDATES-1:0] value1_q;
  logic [LANE*CANDIDATES-1:0] lane1_q;
  logic [CANDIDATES-1:0] exists1_q;
  logic [31:0] base1_q;
  logic [31:0] candidate[0:CANDIDATES-1];
  logic [LANE-1:0] candidate_lane[0:CANDIDATES-1];

  always_comb begin
    for (int c = 0; c < CANDIDATES; c++) begin
      candidate[c] = value1_q[32*c+:32];
      candidate_lane[c] = lane1_q[LANE*c+:LANE];
    end
    for (int step = 1; step < CANDIDATES; step = 2 * step) begin
      for (int c = 0; c < CANDIDATES; c = c + 2 * step) begin
        if (wins(exists1_q[c+step], candidate[c+step], candidate[c])) begin
          candidate[c] = candidate[c+step];
          candidate_lane[c] = candidate_lane[c+step];
        end
      end
    end
  end

  // The best so far. Its index is kept as that of its block's first row and its lane: of two rows the one with the smaller
  // pair has the smaller index, as a product's rows follow those of the product before.
  logic any_q;
  logic [31:0] best_q, best_base_q;
  logic [LANE-1:0] best_lane_q;
  wire logic earlier = {base1_q, candidate_lane[0]} < {best_base_q, best_lane_q};
  wire logic better = !any_q || wins(1'b1, candidate[0], best_q) || (candidate[0] == best_q && earlier);

  always_ff @(posedge clk_i) begin
    for (int c = 0; c < CANDIDATES; c++) begin
      value1_q[32*c+:32] <= value[4*c];
      lane1_q[LANE*c+:LANE] <= lane[4*c];
      exists1_q[c] <= exists_q[4*c];
    end
    base1_q <= block_base;
    if (!rst_ni) begin
      valid1_q <= 1'b0;
      any_q <= 1'b0;
      base_q <= '0;
      best_q <= '0;
      best_base_q <= '1;
      best_lane_q <= '0;
    end else begin
      valid1_q <= valid_i;
      if (clear_i) begin
        any_q  <= 1'b0;
        base_q <= '0;
      end else begin
        if (finish_i) base_q <= base_q + {12'b0, rows_i};
        if (valid1_q) any_q <= 1'b1;
      end
      if (valid1_q && better) begin
        best_q <= candidate[0];
        best_base_q <= base1_q;
        best_lane_q <= candidate_lane[0];
      end
    end
  end

  assign index_o = best_base_q + 32'(best_lane_q);
endmodule

`default_nettype wire
