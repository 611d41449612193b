`default_nettype none

// Grants go to requests only, as many as there are slots or requests, and memory serves others in fewer
// cycles than there are requesters before it serves a request.
module pm_arbiter_proof #(
    parameter int REQUESTERS = 5
) (
    input wire logic                  clk_i,
    input wire logic                  rst_ni,
    input wire logic [           5:0] slots_i,
    input wire logic [REQUESTERS-1:0] req_i
);
  logic [REQUESTERS-1:0] grant;
  logic begun_q = 1'b0;
  logic [3:0] requests, grants, waited_q;
  wire logic run = begun_q && rst_ni;
  localparam int WATCHED = 2;

  pm_arbiter #(
      .REQUESTERS(REQUESTERS),
      .SLOTS(6)
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

  // Cycles in which memory took something while the watched request waited.
  always_ff @(posedge clk_i) begin
    begun_q <= 1'b1;
    if (!run || !req_i[WATCHED] || grant[WATCHED]) waited_q <= '0;
    else if (grants != '0) waited_q <= waited_q + 4'd1;
  end

  always_comb begin
    assert ((grant & ~req_i) == '0);
    assert (6'(grants) == (6'(requests) < slots_i ? 6'(requests) : slots_i));
    if (begun_q) assert (waited_q < 4'(REQUESTERS));
  end
endmodule

`default_nettype wire
