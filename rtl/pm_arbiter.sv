`default_nettype none

// Grants up to slots_i of the requests, going around from behind the last one granted.
module pm_arbiter #(
    parameter int REQUESTERS = 2,
    parameter int SLOTS = 6  // bits of slots_i
) (
    input  wire logic                  clk_i,
    input  wire logic                  rst_ni,
    input  wire logic [     SLOTS-1:0] slots_i,
    input  wire logic [REQUESTERS-1:0] req_i,
    output      logic [REQUESTERS-1:0] grant_o
);
  localparam int POINTER = $clog2(REQUESTERS);

  logic [POINTER-1:0] pointer_q, pointer_d;
  logic [SLOTS-1:0] left;

  always_comb begin
    left = slots_i;
    grant_o = '0;
    pointer_d = pointer_q;
    // once around from the pointer, then the ones before it
    for (int i = 0; i < REQUESTERS; i++) begin
      if (i >= 32'(pointer_q) && req_i[i] && left != '0) begin
        grant_o[i] = 1'b1;
        left = left - 1'b1;
        pointer_d = i == REQUESTERS - 1 ? '0 : POINTER'(i + 1);
      end
    end
    for (int i = 0; i < REQUESTERS; i++) begin
      if (i < 32'(pointer_q) && req_i[i] && left != '0) begin
        grant_o[i] = 1'b1;
        left = left - 1'b1;
        pointer_d = POINTER'(i + 1);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) pointer_q <= '0;
    else pointer_q <= pointer_d;
  end
endmodule

`default_nettype wire
