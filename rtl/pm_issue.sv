`default_nettype none

// Holds one decoded instruction and issues it in the first cycle in which its unit and its registers are free. An
// instruction with a fault, like `halt`, waits for all units and ends the run.
module pm_issue #(
    parameter int CORES = 1,
    parameter int VLMAX = 8192,
    parameter int ROM = 4096,
    parameter int MEM_BEATS = 4096,
    parameter int BATCH = 1,
    parameter int LANES = pm_pkg::LANES
) (
    input  wire logic                      clk_i,
    input  wire logic                      rst_ni,
    // from and to fetch
    input  wire logic                      fetch_valid_i,
    input  wire logic              [ 16:0] fetch_pc_i,
    input  wire logic              [ 63:0] fetch_word_i,
    output      logic                      fetch_ready_o,
    output      logic                      jump_o,
    output      logic              [ 15:0] target_o,
    // to the units: the instruction, and which of them takes it in this cycle
    output      pm_pkg::decoded_t          instr_o,
    output      logic      [28*BATCH-1:0] ls_addr_o,  // of each slot for lde, else in the first place
    output      logic                      ls_go_o,
    output      logic                      row_go_o,
    output      logic                      scl_go_o,
    output      logic                      tmv_go_o,
    output      logic              [CORES-1:0] wst_go_o,
    // from the units
    input  wire logic                      ls_busy_i,
    input  wire logic                      row_busy_i,
    input  wire logic                      scl_busy_i,
    input  wire logic                      tmv_busy_i,
    input  wire logic                      underrun_i,
    input  wire logic              [CORES-1:0] asking_i,  // streamers with beats left to ask for
    // tokens
    input  wire logic                      tok_valid_i,
    input  wire logic                      tok_end_i,
    input  wire logic      [32*BATCH-1:0] tok_i,
    input  wire logic         [BATCH-1:0] tok_active_i,  // slots that get a token
    output      logic                      tok_ready_o,
    output      logic                      out_valid_o,
    output      logic         [BATCH-1:0] active_o,
    // the end
    output      logic                      halted_o,
    output      logic              [  2:0] fault_o,
    output      logic              [ 15:0] fault_pc_o
);
  localparam int CORE_BITS = CORES > 1 ? $clog2(CORES) : 1;

  pm_pkg::decoded_t decoded, instr_q;
  logic valid_q, halted_q;
  logic [15:0] pc_q;
  logic [15:0] tmv_pc_q;
  logic [32*BATCH-1:0] tok_q, tok_d;
  logic [BATCH-1:0] active_q;
  logic is_halt_q, is_jmp_q, is_tin_q, is_tout_q, is_lde_q, is_wst_q;  // what the instruction is
  logic [8:0] row_beats;
  logic [7:0] stray, stray_q;
  logic [41*BATCH-1:0] row_offset_q;  // TOK · beats: where lde's row begins behind the table's address
  logic signed [30:0] last_offset, last_offset_q;  // where it may begin at most, and where beats of others may that begin at 0
  logic [2:0] fault_q, fault;
  logic [15:0] fault_pc_q;

  pm_decode #(
      .CORES(CORES),
      .VLMAX(VLMAX),
      .ROM(ROM),
      .MEM_BEATS(MEM_BEATS),
      .BATCH(BATCH),
      .LANES(LANES)
  ) u_decode (
      .pc_i(fetch_pc_i),
      .word_i(fetch_word_i),
      .decoded_o(decoded),
      .row_beats_o(row_beats),
      .stray_o(stray),
      .last_offset_o(last_offset)
  );

  // Registers in use: those of the instructions last issued to the units, while these are busy.
  logic [7:0] ls_vectors_q, row_vectors_q, tmv_vectors_q;
  logic [1:0] row_banks_q, tmv_banks_q;
  logic [3:0] row_sd_q, scl_sd_q;
  logic [7:0] vectors, vectors_q, vectors_in_use;  // those that the instruction names are known with it
  logic [1:0] banks, banks_q, banks_in_use;
  logic vector_hazard, scalar_hazard;

  always_comb begin
    vectors = '0;
    // y, a and b have the same places in all words that have them.
    if (decoded.y_used) vectors[fetch_word_i[pm_isa::ADD_Y_MSB:pm_isa::ADD_Y_LSB]] = 1'b1;
    if (decoded.a_used) vectors[fetch_word_i[pm_isa::ADD_A_MSB:pm_isa::ADD_A_LSB]] = 1'b1;
    if (decoded.b_used) vectors[fetch_word_i[pm_isa::ADD_B_MSB:pm_isa::ADD_B_LSB]] = 1'b1;
    banks = '0;
    if (decoded.q_used) banks[decoded.q] = 1'b1;

    vectors_in_use = (ls_vectors_q & {8{ls_busy_i}}) | (row_vectors_q & {8{row_busy_i}}) |
        (tmv_vectors_q & {8{tmv_busy_i}});
    banks_in_use = (row_banks_q & {2{row_busy_i}}) | (tmv_banks_q & {2{tmv_busy_i}});
    vector_hazard = (vectors_q & vectors_in_use) != '0 || (banks_q & banks_in_use) != '0;
    scalar_hazard = 1'b0;
    if (row_busy_i && row_sd_q != 4'd0)
      scalar_hazard = row_sd_q == instr_q.sa || row_sd_q == instr_q.sb || row_sd_q == instr_q.sd;
    if (scl_busy_i && (scl_sd_q == instr_q.sa || scl_sd_q == instr_q.sb || scl_sd_q == instr_q.sd))
      scalar_hazard = 1'b1;
  end

  // The address, of lde the start of a row of the table, and whether all beats lie in memory.
  wire logic has_address = instr_q.is_ls || is_wst_q;
  logic [BATCH-1:0] outside;

  for (genvar b = 0; b < BATCH; b++) begin : gen_address
    assign outside[b] = is_lde_q ? $signed({1'b0, row_offset_q[41*b+:41]}) > 42'(last_offset_q) : last_offset_q[30];
    assign ls_addr_o[28*b+:28] = instr_q.addr + (is_lde_q ? row_offset_q[41*b+:28] : 28'd0);
  end

  wire logic idle = !ls_busy_i && !row_busy_i && !scl_busy_i && !tmv_busy_i;
  logic ready, issue, stop;

  always_comb begin
    fault = instr_q.fault;
    if (fault != pm_pkg::FAULT_PC && stray_q != '0) fault = pm_pkg::FAULT_ILLEGAL;
    else if (fault == pm_pkg::FAULT_NONE && has_address && outside != '0) fault = pm_pkg::FAULT_ADDRESS;

    ready = !vector_hazard && !scalar_hazard;
    if (instr_q.is_ls && ls_busy_i) ready = 1'b0;
    if (instr_q.is_row && row_busy_i) ready = 1'b0;
    if (instr_q.is_scl && scl_busy_i) ready = 1'b0;
    if ((instr_q.is_tmv || is_tout_q) && tmv_busy_i) ready = 1'b0;
    if (is_tin_q && !tok_valid_i && !tok_end_i) ready = 1'b0;
    if (is_wst_q && asking_i[instr_q.core[CORE_BITS-1:0]]) ready = 1'b0;

    stop = valid_q && (fault != pm_pkg::FAULT_NONE || is_halt_q);
    issue = valid_q && !stop && ready && !halted_q;
  end

  assign instr_o = instr_q;
  assign ls_go_o = issue && instr_q.is_ls;
  assign row_go_o = issue && instr_q.is_row;
  assign scl_go_o = issue && instr_q.is_scl;
  assign tmv_go_o = issue && instr_q.is_tmv;
  for (genvar c = 0; c < CORES; c++) begin : gen_wst
    assign wst_go_o[c] = issue && is_wst_q && instr_q.core == 5'(c);
  end
  assign tok_ready_o = issue && is_tin_q;
  assign out_valid_o = issue && is_tout_q;
  // The token in the next cycle, if the instruction issues: known before it is known whether it does.
  wire logic offered = valid_q && is_tin_q && tok_valid_i;
  assign active_o = active_q;

  for (genvar b = 0; b < BATCH; b++) begin : gen_token
    assign tok_d[32*b+:32] = !offered ? tok_q[32*b+:32] : tok_active_i[b] ? tok_i[32*b+:32] : '0;
  end
  assign jump_o = issue && (is_jmp_q || (is_tin_q && !tok_valid_i));
  assign target_o = instr_q.target;
  assign fetch_ready_o = !valid_q || issue;
  assign halted_o = halted_q;
  assign fault_o = fault_q;
  assign fault_pc_o = fault_pc_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      halted_q <= 1'b0;
      fault_q <= pm_pkg::FAULT_NONE;
      fault_pc_q <= '0;
      tok_q <= '0;
      active_q <= '0;
    end else begin
      if (issue) tok_q <= tok_d;
      if (issue && offered) active_q <= tok_active_i;
      if (jump_o) valid_q <= 1'b0;
      else if (fetch_ready_o) valid_q <= fetch_valid_i;
      if (!halted_q && underrun_i) begin
        halted_q <= 1'b1;
        fault_q <= pm_pkg::FAULT_UNDERRUN;
        fault_pc_q <= tmv_pc_q;
      end else if (!halted_q && stop && idle) begin
        halted_q <= 1'b1;
        fault_q <= fault;
        fault_pc_q <= pc_q;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (fetch_ready_o) begin
      instr_q <= decoded;
      is_halt_q <= decoded.op == pm_isa::OP_HALT;
      is_jmp_q <= decoded.op == pm_isa::OP_JMP;
      is_tin_q <= decoded.op == pm_isa::OP_TIN;
      is_tout_q <= decoded.op == pm_isa::OP_TOUT;
      is_lde_q <= decoded.op == pm_isa::OP_LDE;
      is_wst_q <= decoded.op == pm_isa::OP_WST;
      vectors_q <= vectors;
      banks_q <= banks;
      stray_q <= stray;
      pc_q <= fetch_pc_i[15:0];
      for (int b = 0; b < BATCH; b++) row_offset_q[41*b+:41] <= 41'(tok_d[32*b+:32]) * 41'(row_beats);
      last_offset_q <= last_offset;
    end
    if (ls_go_o) ls_vectors_q <= vectors_q;
    if (row_go_o) begin
      row_vectors_q <= vectors_q;
      row_banks_q <= banks_q;
      row_sd_q <= instr_q.sd;
    end
    if (scl_go_o) scl_sd_q <= instr_q.sd;
    if (tmv_go_o) begin
      tmv_vectors_q <= vectors_q;
      tmv_banks_q <= banks_q;
      tmv_pc_q <= pc_q;
    end
  end
endmodule

`default_nettype wire
