`default_nettype none

// What memory knows of a port in the proofs: reads that are in flight from before the last reset, and from after it. Memory
// answers in order, the old ones first.
module pm_reads_in_flight (
    input  wire logic       clk_i,
    input  wire logic       begun_i,  // memory and the cluster were reset together once
    input  wire logic       rst_ni,
    input  wire logic       read_i,
    input  wire logic       answer_i,  // memory would answer; it does where a read is in flight
    output      logic [3:0] old_o,
    output      logic [3:0] new_o,
    output      logic       answer_o,
    output      logic       answers_old_o
);
  logic [3:0] old_q, new_q;

  assign old_o = old_q;
  assign new_o = new_q;
  assign answer_o = begun_i && answer_i && old_q + new_q != '0;
  assign answers_old_o = answer_o && old_q != '0;

  always_ff @(posedge clk_i) begin
    if (!begun_i) begin
      old_q <= '0;
      new_q <= '0;
    end else if (!rst_ni) begin
      old_q <= old_q + new_q - 4'(answer_o);
      new_q <= '0;
    end else begin
      old_q <= old_q - 4'(answers_old_o);
      new_q <= new_q + 4'(read_i) - 4'(answer_o && !answers_old_o);
    end
  end
endmodule

`default_nettype wire
