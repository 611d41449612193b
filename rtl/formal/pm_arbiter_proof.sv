`default_nettype none

// Grants go to requests only, as many as there are slots or requests. The last requester is served in the first cycle with
// a slot. Any other waits for at most HOLD cycles of each of the others while streamers are served.
module pm_arbiter_proof #(
    parameter int REQUESTERS = 4,
    parameter int HOLD = 2
) (
    input wire logic                  clk_i,
    input wire logic                  rst_ni,
    input wire logic [           5:0] slots_i,
    input wire logic [REQUESTERS-1:0] req_i
);
  logic [REQUESTERS-1:0] grant;
  logic begun_q = 1'b0;
  logic [3:0] requests, grants, waited_q;
  localparam int LAST = REQUESTERS - 1;
  wire logic run = begun_q && rst_ni;
  localparam int WATCHED = 2;

  pm_arbiter #(
      .REQUESTERS(REQUESTERS),
      .SLOTS(6),
      .HOLD(HOLD)
  ) u_arbiter (
      .clk_i(clk_i),
      .rst_ni(run),
      .slots_i(slots_i),
      .req_i(req_i),
      .grant_o(grant)
  );

  always_comb begin
    requests = '0;
    grants = '0;
    for (int i = 0; i < REQUESTERS; i++) begin
      requests = requests + 4'(req_i[i]);
      grants = grants + 4'(grant[i]);
    end
  end

  // Cycles in which memory took a streamer's request while the watched one waited.
  always_ff @(posedge clk_i) begin
    begun_q <= 1'b1;
    if (!run || !req_i[WATCHED] || grant[WATCHED]) waited_q <= '0;
    else if (grant[LAST-1:0] != '0) waited_q <= waited_q + 4'd1;
  end

  always_comb begin
    assert ((grant & ~req_i) == '0);
    assert (6'(grants) == (6'(requests) < slots_i ? 6'(requests) : slots_i));
    assert (grant[LAST] == (req_i[LAST] && slots_i != '0));
    if (begun_q) assert (waited_q <= 4'(HOLD * (LAST - 1)));
  end
endmodule

`default_nettype wire
