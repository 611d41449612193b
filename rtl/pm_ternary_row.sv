`default_nettype none

// One row of the array: ternary weights meet as many activations, and the sum goes to an accumulator. A cell
// passes its activation on, its complement, or nothing; what complements lack to negatives (one each) is added
// as a count. There is nothing to multiply.
module pm_ternary_row #(
    parameter int COLUMNS = 16  // a multiple of 4, at most 28
) (
    input  wire logic                         clk_i,
    input  wire logic                         valid1_i,
    input  wire logic                         valid2_i,
    input  wire logic                         valid3_i,
    input  wire logic                         first3_i,  // the sum begins here
    input  wire logic [        2*COLUMNS-1:0] weights_i,
    input  wire logic [        8*COLUMNS-1:0] activations_i,
    output      logic [               31:0]   sum_o
);
  localparam int GROUPS = COLUMNS / 4;

  logic [GROUPS*11-1:0] groups, groups_q;  // sums of four columns: −512 … 512
  logic signed [12:0] dot, dot_q;  // at most 28 · 128 either way
  logic [31:0] sum_q;
  logic [1:0] weight;
  logic [7:0] cell_value;
  logic signed [10:0] group;

  always_comb begin
    for (int g = 0; g < GROUPS; g++) begin
      group = '0;
      for (int j = 4 * g; j < 4 * g + 4; j++) begin
        weight = weights_i[2*j+:2];  // 0: −1, 1: 0, 2: +1, 3: 0
        cell_value = weight[0] ? 8'd0 : activations_i[8*j+:8] ^ {8{!weight[1]}};
        group = group + {{3{cell_value[7]}}, cell_value} + {10'b0, weight == 2'd0};
      end
      groups[11*g+:11] = group;
    end
    dot = '0;
    for (int g = 0; g < GROUPS; g++) dot = dot + {{2{groups_q[11*g+10]}}, groups_q[11*g+:11]};
  end

  always_ff @(posedge clk_i) begin
    if (valid1_i) groups_q <= groups;
    if (valid2_i) dot_q <= dot;
    if (valid3_i) sum_q <= (first3_i ? 32'd0 : sum_q) + {{19{dot_q[12]}}, dot_q};
  end

  assign sum_o = sum_q;
endmodule

`default_nettype wire
