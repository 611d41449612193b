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
  logic [3:0] old_q, new_q;  // reads in flight from before the last reset, and from after it
  logic begun_q = 1'b0;  // memory and the cluster were reset together once
  wire logic read = begun_q && rst_ni && ask_i && !draining && old_q + new_q < 4'(MAX_READS);
  wire logic answer = begun_q && answer_i && old_q + new_q != '0;
  wire logic answers_old = answer && old_q != '0;

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

  always_ff @(posedge clk_i) begin
    begun_q <= 1'b1;
    if (!begun_q) begin
      old_q <= '0;
      new_q <= '0;
    end else if (!rst_ni) begin
      old_q <= old_q + new_q - 4'(answer);
      new_q <= '0;
    end else begin
      old_q <= old_q - 4'(answers_old);
      new_q <= new_q + 4'(read) - 4'(answer && !answers_old);
    end
  end

  always_comb begin
    if (begun_q) begin
      assert (old_q + new_q <= 4'(MAX_READS));
      assert (old_q == '0 || draining);
      assert (!(draining && new_q != '0));
      assert (rsp_valid == (answer && !draining));
      if (rsp_valid) assert (!answers_old);
      if (answer && old_q == '0 && new_q != '0) assert (rsp_valid);
    end
  end
endmodule

`default_nettype wire
