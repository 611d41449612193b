`default_nettype none

// For every order of grants, responses and resets: a response reaches the unit only if it answers a read granted after
// the last reset, and nothing stays blocked once memory has answered.
module pm_drain_proof #(
    parameter int MAX_READS = 3
) (
    input wire logic clk_i,
    input wire logic rst_ni,
    input wire logic ask_i,
    input wire logic answer_i
);
  logic rsp_valid, draining;
  logic [3:0] old_reads, new_reads;  // in flight
  logic answer, answers_old;
  logic begun_q = 1'b0;  // memory and the cluster were reset together once
  wire logic read = begun_q && rst_ni && ask_i && !draining && old_reads + new_reads < 4'(MAX_READS);

  pm_reads_in_flight u_reads (
      .clk_i(clk_i),
      .begun_i(begun_q),
      .rst_ni(rst_ni),
      .read_i(read),
      .answer_i(answer_i),
      .old_o(old_reads),
      .new_o(new_reads),
      .answer_o(answer),
      .answers_old_o(answers_old)
  );

  pm_drain #(
      .MAX_READS(MAX_READS)
  ) u_drain (
      .clk_i(clk_i),
      .rst_ni(begun_q && rst_ni),
      .mem_rst_ni(begun_q),
      .read_i(read),
      .rsp_valid_i(answer),
      .rsp_valid_o(rsp_valid),
      .draining_o(draining)
  );

  always_ff @(posedge clk_i) begun_q <= 1'b1;

  always_comb begin
    if (begun_q) begin
      assert (old_reads + new_reads <= 4'(MAX_READS));
      assert (old_reads == '0 || draining);
      assert (!(draining && new_reads != '0));
      assert (rsp_valid == (answer && !draining));
      if (rsp_valid) assert (!answers_old);
      if (answer && old_reads == '0 && new_reads != '0) assert (rsp_valid);
    end
  end
endmodule

`default_nettype wire
