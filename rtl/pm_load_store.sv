`default_nettype none

// Load and store: one request for a beat at a time. Responses come in order, in any cycles; a beat of 16-bit elements
// makes two words, so beats that follow at once wait in a queue. Words to be stored are read ahead into a queue of
// four, which covers the two cycles of reading. Where every slot has its own beats, those of one slot follow those of the
// one before; other loads write the same words to all slots, other stores take those of the last slot.
module pm_load_store #(
    parameter int VLMAX = 8192,
    parameter int BATCH = 1,
    parameter int WAITING = 32,  // beats of 16-bit elements requested and not yet written: a power of two
    parameter int LANES = pm_pkg::LANES,
    localparam int WORD = 32 * LANES,
    localparam int LANE = $clog2(LANES),
    localparam int INDEX = $clog2(VLMAX / LANES),
    localparam int SLOT = BATCH > 1 ? $clog2(BATCH) : 1,
    localparam int COUNT = 11 + $clog2(BATCH)
) (
    input  wire logic                           clk_i,
    input  wire logic                           rst_ni,
    input  wire logic                           go_i,
    input  wire pm_pkg::decoded_t               instr_i,
    input  wire logic [BATCH*pm_pkg::ADDR-1:0]  addr_i,
    output      logic                           busy_o,
    // vector registers
    output      logic       [              2:0] reg_o,
    output      logic       [        INDEX-1:0] raddr_o,
    input  wire logic [BATCH*WORD-1:0]  rdata_i,
    output      logic       [       BATCH-1:0]  we_o,
    output      logic       [        INDEX-1:0] waddr_o,
    output      logic       [WORD-1:0]  wdata_o,
    // memory
    output      logic                           req_o,
    output      logic                           write_o,
    output      logic       [pm_pkg::ADDR-1:0]  req_addr_o,
    output      logic       [WORD-1:0]  req_wdata_o,
    input  wire logic                           grant_i,
    input  wire logic                           rsp_valid_i,
    input  wire logic       [WORD-1:0]  rsp_data_i
);
  logic busy_q, store_q, half_q, each_q, table_q;  // table_q: slots' beats lie apart
  logic [2:0] reg_q;
  logic [4:0] left_q;
  logic [13:0] len_q;
  logic [pm_pkg::ADDR-1:0] addr_q;
  logic [BATCH*pm_pkg::ADDR-1:0] addrs_q;  // of each slot; the one in hand is shifted out
  logic [COUNT-1:0] ask_q;  // beats left to ask for
  logic [COUNT-1:0] due_q;  // beats left to be taken from memory, or to be stored
  logic [10:0] part_q;  // beats of a slot
  logic [10:0] ask_part_q, take_part_q, fetch_part_q;  // … of which are left to ask for, to be taken, to be read and stored
  wire logic [COUNT-1:0] total = instr_i.each ? COUNT'(instr_i.beats[10:0]) * COUNT'(BATCH) : COUNT'(instr_i.beats[10:0]);

  wire logic granted = req_o && grant_i;
  logic rest_q;  // the cycle after a grant: 16-bit elements ask for nothing in it
  wire logic full = due_q - ask_q >= COUNT'(WAITING);
  wire logic hold = half_q && (rest_q || full);

  // A store's words: addressed, read, queued.
  logic [COUNT-1:0] fetch_q;  // words left to read from the register
  logic [INDEX-1:0] raddr_q;
  logic [SLOT-1:0] fetch_slot_q, read_slot_q;
  wire logic last_word = fetch_part_q == 11'd1;
  logic reading_q;
  logic [2:0] queued_q;
  logic [1:0] head_q, tail_q;
  logic [WORD-1:0] queue[0:3];
  wire logic read = busy_q && store_q && fetch_q != '0 && queued_q + {2'b0, reading_q} < 3'd4;

  assign req_o = ask_q != '0 && !hold && (!store_q || queued_q != '0);
  assign write_o = store_q;
  assign req_addr_o = addr_q;
  assign req_wdata_o = queue[head_q];
  assign reg_o = reg_q;
  assign raddr_o = raddr_q;

  // The last beat: its second word is written two cycles after it was taken; a store ends with the last grant.
  logic take;
  logic [1:0] ending_q;
  wire logic last = due_q == COUNT'(1) && (store_q ? granted : take);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      ask_q <= '0;
      queued_q <= '0;
      reading_q <= 1'b0;
      ending_q <= '0;
    end else begin
      if (go_i) busy_q <= 1'b1;
      else if (ending_q[1] || (store_q && ending_q[0])) busy_q <= 1'b0;
      ending_q <= {ending_q[0] && !store_q, busy_q && last};
      if (go_i) ask_q <= total;
      else if (granted) ask_q <= ask_q - 1'b1;
      reading_q <= read;
      queued_q <= queued_q + {2'b0, reading_q} - {2'b0, granted && store_q};
    end
  end

  always_ff @(posedge clk_i) begin
    rest_q <= granted;
    if (go_i) begin
      store_q <= instr_i.op == pm_isa::OP_SV;
      half_q <= instr_i.op == pm_isa::OP_LDH || instr_i.op == pm_isa::OP_LDE;
      reg_q <= instr_i.y;
      left_q <= instr_i.left;
      len_q <= instr_i.len;
      each_q <= instr_i.each;
      table_q <= instr_i.op == pm_isa::OP_LDE;
      addr_q <= addr_i[pm_pkg::ADDR-1:0];
      addrs_q <= addr_i >> pm_pkg::ADDR;
      due_q <= total;
      part_q <= instr_i.beats[10:0];
      ask_part_q <= instr_i.beats[10:0];
      take_part_q <= instr_i.beats[10:0];
      fetch_q <= total;
      fetch_part_q <= instr_i.beats[10:0];
      raddr_q <= '0;
      fetch_slot_q <= instr_i.each ? '0 : SLOT'(BATCH - 1);
      head_q <= '0;
      tail_q <= '0;
    end else begin
      if (granted) begin
        ask_part_q <= ask_part_q == 11'd1 ? part_q : ask_part_q - 11'd1;
        addr_q <= addr_q + 28'd1;
        if (table_q && ask_part_q == 11'd1) begin
          addr_q <= addrs_q[pm_pkg::ADDR-1:0];
          addrs_q <= addrs_q >> pm_pkg::ADDR;
        end
      end
      if (take) take_part_q <= take_part_q == 11'd1 ? part_q : take_part_q - 11'd1;
      if (store_q ? granted : take) due_q <= due_q - 1'b1;
      if (read) begin
        fetch_q <= fetch_q - 1'b1;
        fetch_part_q <= last_word ? part_q : fetch_part_q - 11'd1;
        raddr_q <= last_word ? '0 : raddr_q + 1'b1;
        if (last_word) fetch_slot_q <= fetch_slot_q + 1'b1;
      end
      read_slot_q <= fetch_slot_q;
      if (reading_q) begin
        queue[tail_q] <= rdata_i[read_slot_q*WORD+:WORD];
        tail_q <= tail_q + 2'd1;
      end
      if (granted) head_q <= head_q + 2'd1;
    end
  end

  // A load's words: the beat is kept for a cycle, or for two if it holds two words. A response that comes while the
  // first of two is written, or behind others, waits.
  localparam int PLACE = $clog2(WAITING);
  logic [WORD-1:0] waiting[0:WAITING-1];
  logic [PLACE-1:0] oldest_q, newest_q;
  logic [PLACE:0] waiting_q;
  logic [WORD-1:0] beat_q;
  logic low_q, high_q;  // the beat's first or second word is written now
  logic [10:0] word_q;  // index of the next word
  logic [SLOT-1:0] slot_q;  // where it is written
  logic end_q;  // the beat is the last one of a slot
  wire logic written = low_q || high_q;
  logic [15:0] half;
  logic [31:0] element;
  wire logic exists = 15'({word_q, LANE'(0)}) < {1'b0, len_q};  // an odd number of words ends in the middle of a beat
  wire logic some_wait = waiting_q != '0;
  wire logic put = rsp_valid_i && (some_wait || !take);
  wire logic get = take && some_wait;

  assign take = !(half_q && low_q) && (some_wait || rsp_valid_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      low_q <= 1'b0;
      high_q <= 1'b0;
      waiting_q <= '0;
      oldest_q <= '0;
      newest_q <= '0;
    end else begin
      low_q <= take;
      high_q <= low_q && half_q;
      waiting_q <= waiting_q + (PLACE + 1)'(put) - (PLACE + 1)'(get);
      if (put) newest_q <= newest_q + 1'b1;
      if (get) oldest_q <= oldest_q + 1'b1;
    end
    if (put) waiting[newest_q] <= rsp_data_i;
    if (take) beat_q <= some_wait ? waiting[oldest_q] : rsp_data_i;
    if (take) end_q <= take_part_q == 11'd1;
    if (go_i) begin
      word_q <= '0;
      slot_q <= '0;
    end else if (end_q && (half_q ? high_q : low_q)) begin
      word_q <= '0;
      slot_q <= slot_q + 1'b1;
    end else if (written && exists) begin
      word_q <= word_q + 11'd1;
    end
  end

  for (genvar b = 0; b < BATCH; b++) begin : gen_write
    assign we_o[b] = written && exists && (!each_q || slot_q == SLOT'(b));
  end
  assign waddr_o = word_q[INDEX-1:0];

  always_comb begin
    for (int i = 0; i < LANES; i++) begin
      half = high_q ? beat_q[16*LANES+i*16+:16] : beat_q[i*16+:16];
      element = half_q ? {{16{half[15]}}, half} << left_q : beat_q[i*32+:32];
      wdata_o[i*32+:32] = 15'({word_q, LANE'(i)}) < {1'b0, len_q} ? element : '0;
    end
  end

  assign busy_o = busy_q;
endmodule

`default_nettype wire
