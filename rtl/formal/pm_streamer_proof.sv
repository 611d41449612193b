`default_nettype none

// For every order of grants, responses and pops: the FIFO never overflows, asks only while it has room, and hands over the beats in
// the order in which they came.
module pm_streamer_proof (
    input wire logic                    clk_i,
    input wire logic                    rst_ni,
    input wire logic                    go_i,
    input wire logic [            24:0] beats_i,
    input wire logic [pm_pkg::ADDR-1:0] addr_i,
    input wire logic                    grant_i,
    input wire logic                    answer_i,
    input wire logic                    pop_i
);
  localparam int FIFO = 4;

  logic asking, req, valid, dry;
  logic [pm_pkg::ADDR-1:0] addr;
  logic [pm_pkg::WORD-1:0] data;
  logic begun_q = 1'b0;
  logic [24:0] left_q;  // beats not yet granted
  logic [2:0] flying_q, held_q;
  logic [3:0] number_q, next_q;  // of the beat that memory answers next, and of the beat to be popped
  logic popped_q;
  wire logic run = begun_q && rst_ni;
  wire logic go = run && go_i && !asking && beats_i != '0;
  wire logic granted = run && req && grant_i;
  wire logic answer = run && answer_i && flying_q != '0;
  wire logic pop = run && pop_i && valid;

  pm_streamer #(
      .FIFO(FIFO)
  ) u_streamer (
      .clk_i(clk_i),
      .rst_ni(run),
      .go_i(go),
      .addr_i(addr_i),
      .beats_i(beats_i),
      .asking_o(asking),
      .req_o(req),
      .req_addr_o(addr),
      .grant_i(run && grant_i),
      .rsp_valid_i(answer),
      .rsp_data_i(pm_pkg::WORD'(number_q)),
      .valid_o(valid),
      .dry_o(dry),
      .pop_i(pop),
      .data_o(data)
  );

  always_ff @(posedge clk_i) begin
    begun_q <= 1'b1;
    if (!run) begin
      left_q <= '0;
      flying_q <= '0;
      held_q <= '0;
      number_q <= '0;
      next_q <= '0;
      popped_q <= 1'b0;
    end else begin
      if (go) left_q <= beats_i;
      else left_q <= left_q - 25'(granted);
      flying_q <= flying_q + 3'(granted) - 3'(answer);
      held_q <= held_q + 3'(answer) - 3'(pop);
      number_q <= number_q + 4'(answer);
      next_q <= next_q + 4'(pop);
      popped_q <= pop;
    end
  end

  always_comb begin
    if (begun_q) begin
      assert (flying_q + held_q <= 3'(FIFO));
      assert (asking == (left_q != '0));
      if (popped_q) assert (data[3:0] == next_q - 4'd1);
      assert (!req || flying_q + held_q < 3'(FIFO));
      assert (valid == (held_q != '0));
      assert (dry == (left_q == '0 && flying_q == '0 && held_q == '0));
    end
  end
endmodule

`default_nettype wire
