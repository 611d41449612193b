`default_nettype none

// A ternary core of eight rows with shift registers for pins, so that it fits an iCE40 HX8K and can be placed, routed
// and timed. Weights and activations come in a bit a cycle; of the sums, a parity goes out.
module pm_reduced_core (
    input  wire logic clk_i,
    input  wire logic rst_ni,
    input  wire logic bit_i,
    input  wire logic shift_i,
    input  wire logic go_i,
    input  wire logic valid_i,
    input  wire logic take_i,
    input  wire logic write_i,
    output      logic pop_o,
    output      logic block_o,
    output      logic underrun_o,
    output      logic parity_o
);
  localparam int ROWS = 8;
  localparam int VLMAX = 2048;
  localparam int COL = $clog2(VLMAX / 16);

  logic [32*ROWS-1:0] weights_q, sums, sums_q;
  logic [ROWS-1:0] parity_q;

  always_ff @(posedge clk_i) begin
    if (shift_i) weights_q <= {weights_q[32*ROWS-2:0], bit_i};
    sums_q <= sums;
    for (int i = 0; i < ROWS; i++) parity_q[i] <= ^sums_q[32*i+:32];
    parity_o <= ^parity_q;
  end

  pm_ternary_core #(
      .CORES(1),
      .INDEX(0),
      .VLMAX(VLMAX),
      .OUTQ(1),
      .ROWS(ROWS)
  ) u_core (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .go_i(go_i),
      .blocks_i(weights_q[17:0]),
      .columns_i(weights_q[18+:14]),
      .bank_i(weights_q[32]),
      .q_we_i(write_i),
      .q_bank_i(weights_q[33]),
      .q_waddr_i(weights_q[34+:COL]),
      .q_wdata_i(weights_q[64+:128]),
      .valid_i(valid_i),
      .dry_i(!valid_i),
      .pop_o(pop_o),
      .weights_i(weights_q),
      .underrun_o(underrun_o),
      .block_o(block_o),
      .take_i(take_i),
      .sums_o(sums)
  );
endmodule

`default_nettype wire
