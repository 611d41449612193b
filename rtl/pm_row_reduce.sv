`default_nettype none

// Reduces the terms of all lanes of all passes: their sum, or the greatest. Terms come in stage 9, the scalar leaves
// in stage 11.
module pm_row_reduce #(
    parameter int LANES = pm_pkg::LANES
) (
    input  wire logic                         clk_i,
    input  wire logic                         clear_i,
    input  wire logic [                 10:9] valid_i,
    input  wire logic                         sum_i,  // constant while an instruction runs
    input  wire logic [           LANES*63-1:0] terms_i,
    output      logic [  pm_pkg::SCALAR-1:0] scalar_o
);
  logic [66:0] sum10, sum;
  logic [31:0] greatest10, greatest;
  logic [76:0] total, total11;  // 8192 squares of at most 2^62 are less than 2^76

  // Rounds of pairs, so that the path grows with the logarithm of the lanes.
  logic [66:0] partial[0:LANES-1];
  logic [31:0] candidate[0:LANES-1];

  always_comb begin
    for (int i = 0; i < LANES; i++) begin
      partial[i] = {4'b0, terms_i[i*63+:63]};
      candidate[i] = terms_i[i*63+:32];
    end
    for (int step = 1; step < LANES; step = 2 * step) begin
      for (int i = 0; i < LANES; i = i + 2 * step) begin
        partial[i] = partial[i] + partial[i+step];
        if (candidate[i+step] > candidate[i]) candidate[i] = candidate[i+step];
      end
    end
    sum = partial[0];
    greatest = candidate[0];
  end

  // The highest byte of the total that is not zero, from the top bit down.
  localparam int BYTES = 10;
  logic [BYTES-1:0] used, highest, highest11;

  always_comb begin
    total = total11;
    if (sum_i) total = total11 + {10'b0, sum10};
    else if ({45'b0, greatest10} > total11) total = {45'b0, greatest10};
    for (int g = 0; g < BYTES; g++) used[g] = 8'({total, 3'b0} >> (8 * g)) != '0;
    for (int g = 0; g < BYTES; g++) highest[g] = used[g] && (used >> (g + 1)) == '0;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i[9]) begin
      if (sum_i) sum10 <= sum;
      else greatest10 <= greatest;
    end
    if (clear_i) {highest11, total11} <= '0;
    else if (valid_i[10]) {highest11, total11} <= {highest, total};
  end

  pm_norm #(
      .WIDTH(77)
  ) u_norm (
      .value_i(total11),
      .highest_i(highest11),
      .scalar_o(scalar_o)
  );
endmodule

`default_nettype wire
