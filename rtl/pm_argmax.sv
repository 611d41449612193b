`default_nettype none

// Keeps the greatest sum and its index over the rows of one product or of several: of equal sums the one with the
// smallest index. A word takes two cycles: the best of its sixteen, then that against the best so far.
module pm_argmax (
    input  wire logic                    clk_i,
    input  wire logic                    rst_ni,
    input  wire logic                    clear_i,   // the search begins again
    input  wire logic                    valid_i,
    input  wire logic [            16:0] block_i,
    input  wire logic [pm_pkg::WORD-1:0] sums_i,
    input  wire logic [            19:0] rows_i,
    input  wire logic                    finish_i,  // the product is done: the next one's rows follow
    output      logic [            31:0] index_o
);
  logic [31:0] base_q;
  logic any_q;
  logic signed [31:0] best_q;
  logic [31:0] index_q;

  // Rounds of pairs: the right one wins only if it is greater. Lanes beyond the rows have lost beforehand; lane 0
  // always exists.
  logic signed [31:0] value[0:pm_pkg::LANES-1];
  logic [3:0] lane[0:pm_pkg::LANES-1];
  logic [pm_pkg::LANES-1:0] exists;

  always_comb begin
    for (int i = 0; i < pm_pkg::LANES; i++) begin
      value[i] = sums_i[32*i+:32];
      lane[i] = 4'(i);
      exists[i] = {block_i, 4'(i)} < {1'b0, rows_i};
    end
    for (int step = 1; step < pm_pkg::LANES; step = 2 * step) begin
      for (int i = 0; i < pm_pkg::LANES; i = i + 2 * step) begin
        if (exists[i+step] && value[i+step] > value[i]) begin
          value[i] = value[i+step];
          lane[i]  = lane[i+step];
        end
      end
    end
  end

  logic valid1_q;
  logic signed [31:0] value1_q;
  logic [31:0] index1_q;
  wire logic better = !any_q || value1_q > best_q || (value1_q == best_q && index1_q < index_q);

  always_ff @(posedge clk_i) begin
    value1_q <= value[0];
    index1_q <= base_q + {11'b0, block_i, lane[0]};
    if (!rst_ni) begin
      valid1_q <= 1'b0;
      any_q <= 1'b0;
      base_q <= '0;
      best_q <= '0;
      index_q <= '1;
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
        best_q  <= value1_q;
        index_q <= index1_q;
      end
    end
  end

  assign index_o = index_q;
endmodule

`default_nettype wire
