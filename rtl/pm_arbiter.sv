`default_nettype none

// Grants up to slots_i requests in a cycle: the last requester (load/store) first, then the others (streamers) around from
// a pointer. The pointer stays while the streamer at it is served, for HOLD cycles at most, so that each streamer's beats
// reach memory in runs that lie in one row.
module pm_arbiter #(
    parameter int REQUESTERS = 2,
    parameter int SLOTS = 6,  // bits of slots_i
    parameter int HOLD = 64  // a power of two
) (
    input  wire logic                  clk_i,
    input  wire logic                  rst_ni,
    input  wire logic [     SLOTS-1:0] slots_i,
    input  wire logic [REQUESTERS-1:0] req_i,
    output      logic [REQUESTERS-1:0] grant_o
);
  localparam int STREAMERS = REQUESTERS - 1;
  localparam int POINTER = STREAMERS > 1 ? $clog2(STREAMERS) : 1;
  localparam int HELD = $clog2(HOLD);

  logic [POINTER-1:0] pointer_q, first, last;
  logic [HELD-1:0] held_q;
  logic [SLOTS-1:0] left;
  logic found;

  always_comb begin
    grant_o = '0;
    grant_o[STREAMERS] = req_i[STREAMERS] && slots_i != '0;
    left = slots_i - SLOTS'(grant_o[STREAMERS]);
    found = 1'b0;
    first = pointer_q;
    last = pointer_q;
    // once around from the pointer, then the ones before it
    for (int i = 0; i < STREAMERS; i++) begin
      if (i >= 32'(pointer_q) && req_i[i] && left != '0) begin
        grant_o[i] = 1'b1;
        left = left - 1'b1;
        last = POINTER'(i);
        if (!found) first = POINTER'(i);
        found = 1'b1;
      end
    end
    for (int i = 0; i < STREAMERS; i++) begin
      if (i < 32'(pointer_q) && req_i[i] && left != '0) begin
        grant_o[i] = 1'b1;
        left = left - 1'b1;
        last = POINTER'(i);
        if (!found) first = POINTER'(i);
        found = 1'b1;
      end
    end
  end

  // held_q counts the cycles in which the streamer at the pointer was served.
  wire logic [HELD-1:0] held = first == pointer_q ? held_q + 1'b1 : HELD'(1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      pointer_q <= '0;
      held_q <= '0;
    end else if (found) begin
      held_q <= held;
      if (held != '0) pointer_q <= first;
      else pointer_q <= 32'(last) == STREAMERS - 1 ? '0 : last + 1'b1;
    end
  end
endmodule

`default_nettype wire
