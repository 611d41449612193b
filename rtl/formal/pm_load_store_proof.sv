`default_nettype none

// For every order of grants, responses and resets, and for every load and store: each beat is asked for once, in order; words
// reach their slot's register once, in order, with the elements that memory answered after the last reset; what is stored is
// what the register holds; the unit is busy until all of it has happened.
module pm_load_store_proof (
    input wire logic                      clk_i,
    input wire logic                      rst_ni,
    input wire logic                      go_i,
    input wire logic [               2:0] kind_i,   // ldv, ldh, lde, sv; bit 2: each slot has its own beats
    input wire logic [               4:0] len_i,    // less one
    input wire logic [               4:0] left_i,
    input wire logic [  pm_pkg::ADDR-1:0] addr_i,
    input wire logic [  pm_pkg::ADDR-1:0] second_i, // of the second slot, in lde
    input wire logic                      grant_i,
    input wire logic                      answer_i
);
  localparam int VLMAX = 32;
  localparam int BATCH = 2;
  localparam int INDEX = 1;

  logic begun_q = 1'b0;
  logic last_lane_q;  // which lane is watched, the same in all cycles: the first or the last one
  wire logic [3:0] lane = {4{last_lane_q}};
  wire logic run = begun_q && rst_ni;

  // The instruction.
  pm_pkg::decoded_t instr;
  logic [5:0] len_q;
  logic [4:0] left_q;
  logic [pm_pkg::ADDR-1:0] addr_q, second_q;
  logic half_q, store_q, each_q, table_q;
  logic [2:0] words_q, beats_q;  // of a slot
  wire logic [5:0] len = 6'(len_i) + 6'd1;
  wire logic half = kind_i[1:0] == 2'd1 || kind_i[1:0] == 2'd2;
  wire logic each = kind_i[1:0] == 2'd2 || (kind_i[2] && !half);
  wire logic [2:0] words = 3'((7'(len) + 7'd15) >> 4);
  wire logic [2:0] beats = half ? 3'((7'(len) + 7'd31) >> 5) : words;

  always_comb begin
    instr = '0;
    case (kind_i[1:0])
      2'd0: instr.op = pm_isa::OP_LDV;
      2'd1: instr.op = pm_isa::OP_LDH;
      2'd2: instr.op = pm_isa::OP_LDE;
      default: instr.op = pm_isa::OP_SV;
    endcase
    instr.y = 3'd5;
    instr.len = 14'(len);
    instr.left = left_i;
    instr.each = each;
    instr.beats = 25'(beats);
  end

  // Registers: a word's content says which slot, word and lane it is.
  logic busy, req, write, rsp_valid, draining;
  logic [2:0] register;
  logic [INDEX-1:0] raddr, waddr;
  logic [INDEX-1:0] raddr_q;
  logic [BATCH*pm_pkg::WORD-1:0] rdata;
  logic [BATCH-1:0] we;
  logic [pm_pkg::WORD-1:0] wdata, req_wdata, rsp_data;
  logic [pm_pkg::ADDR-1:0] req_addr;

  always_comb begin
    for (int b = 0; b < BATCH; b++) begin
      for (int i = 0; i < 16; i++) rdata[pm_pkg::WORD*b+32*i+:32] = {24'b0, 1'(b), 2'b0, raddr_q, 4'(i)};
    end
  end

  // Memory: a beat's content says which one it is.
  logic [3:0] old_reads, new_reads, answered_q;
  logic answer, answers_old;
  wire logic granted = run && req && !draining && grant_i;

  pm_reads_in_flight u_reads (
      .clk_i(clk_i),
      .begun_i(begun_q),
      .rst_ni(rst_ni),
      .read_i(granted && !write),
      .answer_i(answer_i),
      .old_o(old_reads),
      .new_o(new_reads),
      .answer_o(answer),
      .answers_old_o(answers_old)
  );

  function automatic logic [15:0] half_of(input logic [3:0] beat, input logic [4:0] place);
    half_of = {beat[0], 6'b0, beat, place};
  endfunction

  always_comb begin
    for (int i = 0; i < 32; i++) rsp_data[16*i+:16] = answers_old ? '1 : half_of(answered_q, 5'(i));
  end

  pm_drain #(
      .MAX_READS(8)
  ) u_drain (
      .clk_i(clk_i),
      .rst_ni(run),
      .mem_rst_ni(begun_q),
      .read_i(granted && !write),
      .rsp_valid_i(answer),
      .rsp_valid_o(rsp_valid),
      .draining_o(draining)
  );

  wire logic go = run && go_i && !busy;

  pm_load_store #(
      .VLMAX(VLMAX),
      .BATCH(BATCH),
      .WAITING(2)
  ) u_load_store (
      .clk_i(clk_i),
      .rst_ni(run),
      .go_i(go),
      .instr_i(instr),
      .addr_i({second_i, addr_i}),
      .busy_o(busy),
      .reg_o(register),
      .raddr_o(raddr),
      .rdata_i(rdata),
      .we_o(we),
      .waddr_o(waddr),
      .wdata_o(wdata),
      .req_o(req),
      .write_o(write),
      .req_addr_o(req_addr),
      .req_wdata_o(req_wdata),
      .grant_i(granted),
      .rsp_valid_i(rsp_valid),
      .rsp_data_i(rsp_data)
  );

  wire logic [31:0] stored = last_lane_q ? req_wdata[511:480] : req_wdata[31:0];
  wire logic [31:0] loaded = last_lane_q ? wdata[511:480] : wdata[31:0];

  // What was asked for and written since the instruction began.
  logic [2:0] asked_q, written_q;  // of the slot in hand
  logic [1:0] asked_slots_q, written_slots_q;
  wire logic [1:0] slots = each_q ? 2'd2 : 2'd1;
  wire logic [2:0] from_beat = half_q ? written_q >> 1 : written_q;
  wire logic [3:0] beat = each_q && written_slots_q[0] ? 4'(beats_q) + 4'(from_beat) : 4'(from_beat);
  wire logic [15:0] expected_half = half_of(beat, {written_q[0], lane});
  wire logic [31:0] expected_word = {half_of(beat, {lane, 1'b1}), half_of(beat, {lane, 1'b0})};
  wire logic [31:0] element = half_q ? {{16{expected_half[15]}}, expected_half} << left_q : expected_word;
  wire logic inside = {written_q, lane} < len_q;
  wire logic [pm_pkg::ADDR-1:0] from = table_q && asked_slots_q[0] ? second_q : addr_q;
  wire logic [3:0] behind = asked_slots_q[0] && !table_q ? 4'(beats_q) + 4'(asked_q) : 4'(asked_q);

  always_ff @(posedge clk_i) begin
    begun_q <= 1'b1;
    raddr_q <= raddr;
    if (!run || go) answered_q <= '0;
    else if (answer && !answers_old) answered_q <= answered_q + 4'd1;
    if (go) begin
      len_q <= len;
      left_q <= left_i;
      addr_q <= addr_i;
      second_q <= second_i;
      half_q <= half;
      store_q <= kind_i[1:0] == 2'd3;
      each_q <= each;
      table_q <= kind_i[1:0] == 2'd2;
      words_q <= words;
      beats_q <= beats;
      asked_q <= '0;
      asked_slots_q <= '0;
      written_q <= '0;
      written_slots_q <= '0;
    end else begin
      if (granted) begin
        asked_q <= asked_q + 3'd1 == beats_q ? '0 : asked_q + 3'd1;
        if (asked_q + 3'd1 == beats_q) asked_slots_q <= asked_slots_q + 2'd1;
      end
      if (we != '0) begin
        written_q <= written_q + 3'd1 == words_q ? '0 : written_q + 3'd1;
        if (written_q + 3'd1 == words_q) written_slots_q <= written_slots_q + 2'd1;
      end
    end
  end

  always_comb begin
    if (begun_q) begin
      assert (old_reads + new_reads <= 4'd8);
      if (run && req && !draining) begin
        assert (busy && asked_slots_q < slots);
        assert (write == store_q);
        assert (req_addr == from + pm_pkg::ADDR'(behind));
        if (write) begin
          assert (stored == {24'b0, each_q ? asked_slots_q[0] : 1'b1, 2'b0, asked_q[0], lane});
        end
      end
      if (run && we != '0) begin
        assert (busy && !store_q && written_slots_q < slots);
        assert (register == 3'd5);
        assert (waddr == written_q[INDEX-1:0]);
        assert (we == (!each_q ? 2'b11 : written_slots_q[0] ? 2'b10 : 2'b01));
        assert (loaded == (inside ? element : '0));
      end
    end
  end

  // Ended: nothing is left to ask for, to receive or to write.
  logic ran_q;
  always_ff @(posedge clk_i) ran_q <= run && (go || busy);
  always_comb begin
    if (begun_q && run && ran_q && !busy) begin
      assert (new_reads == '0 && asked_slots_q == slots);
      assert (store_q || written_slots_q == slots);
    end
  end
endmodule

`default_nettype wire
