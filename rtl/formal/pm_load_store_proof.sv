`default_nettype none

// A load of sixteen-bit elements, for every order of grants and responses: never more beats are under way than the queue
// holds, each beat's two words are written once, in order, to consecutive places, and the unit ends once all are.
module pm_load_store_proof (
    input wire logic clk_i,
    input wire logic go_i,
    input wire logic grant_i,
    input wire logic answer_i
);
  localparam int VLMAX = 128;
  localparam int WAITING = 2;
  localparam int BEATS = 3;  // one word of the last beat lies beyond the vector

  logic busy, req, write, we;
  logic [2:0] register, place;
  logic [pm_pkg::ADDR-1:0] addr;
  logic [pm_pkg::WORD-1:0] wdata, req_wdata;
  logic [2:0] raddr;
  logic begun_q = 1'b0;
  logic [2:0] asked_q, answered_q, words_q;
  logic loading_q, ended_q;
  pm_pkg::decoded_t instr;

  wire logic go = begun_q && go_i && !busy && !loading_q;
  wire logic granted = req && grant_i;
  wire logic answer = begun_q && answer_i && answered_q != asked_q;

  always_comb begin
    instr = '0;
    instr.op = pm_isa::OP_LDH;
    instr.is_ls = 1'b1;
    instr.y = 3'd5;
    instr.len = 14'(32 * BEATS - 16);
    instr.beats = 25'(BEATS);
  end

  // Element 0 of both words of a beat holds the beat's number; the upper word adds eight.
  wire logic [pm_pkg::WORD-1:0] data = (pm_pkg::WORD'(answered_q) | 512'd8) << 256 | pm_pkg::WORD'(answered_q);

  pm_load_store #(
      .VLMAX(VLMAX),
      .WAITING(WAITING)
  ) u_load_store (
      .clk_i(clk_i),
      .rst_ni(begun_q),
      .go_i(go),
      .instr_i(instr),
      .addr_i('0),
      .busy_o(busy),
      .reg_o(register),
      .raddr_o(raddr),
      .rdata_i('0),
      .we_o(we),
      .waddr_o(place),
      .wdata_o(wdata),
      .req_o(req),
      .write_o(write),
      .req_addr_o(addr),
      .req_wdata_o(req_wdata),
      .grant_i(granted),
      .rsp_valid_i(answer),
      .rsp_data_i(data)
  );

  always_ff @(posedge clk_i) begin
    begun_q <= 1'b1;
    if (!begun_q) begin
      asked_q <= '0;
      answered_q <= '0;
      words_q <= '0;
      loading_q <= 1'b0;
      ended_q <= 1'b0;
    end else begin
      if (go) loading_q <= 1'b1;
      asked_q <= asked_q + 3'(granted);
      answered_q <= answered_q + 3'(answer);
      words_q <= words_q + 3'(we);
      ended_q <= loading_q && !busy;
    end
  end

  always_comb begin
    if (begun_q && loading_q) begin
      assert (asked_q <= 3'(BEATS));
      assert (!req || (!write && addr == pm_pkg::ADDR'(asked_q)));
      if (we) begin
        assert (register == 3'd5 && place == words_q && words_q < 3'(2 * BEATS - 1));
        assert (wdata[3:0] == {words_q[0], 1'b0, words_q[2:1]});
      end
      if (ended_q) assert (words_q == 3'(2 * BEATS - 1));
    end
  end
endmodule

`default_nettype wire
