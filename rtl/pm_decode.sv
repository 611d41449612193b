`default_nettype none

// An instruction word → its fields, and the faults that the word alone decides. The word comes straight from the ROM, which takes
// more than a quarter of the cycle: sums and comparisons are taken from the word's own fields, beside the question whether the
// instruction has them.
module pm_decode #(
    parameter int CORES = 1,
    parameter int VLMAX = 8192,
    parameter int ROM = 4096,
    parameter int MEM_BEATS = 4096,
    parameter int BATCH = 1,
    parameter int LANES = pm_pkg::LANES
) (
    input  wire logic              [16:0] pc_i,
    input  wire logic              [63:0] word_i,
    output      pm_pkg::decoded_t         decoded_o,
    output      logic              [ 8:0] row_beats_o,  // of a row of lde's table, whatever the instruction is
    output      logic              [ 7:0] stray_o,  // a bit for each byte of the word: it has bits that the instruction may not
    output      logic signed       [30:0] last_offset_o  // at which the beats of LS and wst may begin behind their address
);
  localparam int LANE = $clog2(LANES);

  logic [5:0] op;
  logic [63:0] allowed;  // bits that this instruction may set; 0: there is no such instruction
  logic is_ldv, is_half, is_load, is_sv, is_wst, is_row, is_qnt, is_tmv, is_sli, is_sact, is_scl;
  logic has_b, has_scalar_pair;
  logic each, wr, arg, has_sd;
  logic [1:0] red;
  logic [19:0] rows;
  logic illegal, bad_length;
  logic [24:0] beats;
  logic [29:0] all_beats;  // of all slots

  function automatic logic outside(input logic [13:0] len);
    outside = len == '0 || len > 14'(VLMAX);
  endfunction

  always_comb begin
    op = word_i[63:58];
    is_ldv = op == pm_isa::OP_LDV;
    is_half = op == pm_isa::OP_LDH || op == pm_isa::OP_LDE;
    is_load = is_ldv || is_half;
    is_sv = op == pm_isa::OP_SV;
    is_wst = op == pm_isa::OP_WST;
    is_qnt = op == pm_isa::OP_QNT;
    has_b = op == pm_isa::OP_ADD || op == pm_isa::OP_SUB || op == pm_isa::OP_MUL || op == pm_isa::OP_SHF;
    is_row = has_b || is_qnt || op == pm_isa::OP_MOV || op == pm_isa::OP_SIG || op == pm_isa::OP_SIGC ||
        op == pm_isa::OP_SILU;
    is_tmv = op == pm_isa::OP_TMV;
    is_sli = op == pm_isa::OP_SLI;
    has_scalar_pair = op == pm_isa::OP_SMUL || op == pm_isa::OP_SADD || op == pm_isa::OP_SMAX;
    is_sact = op == pm_isa::OP_SACT;
    is_scl = is_sli || is_sact || has_scalar_pair || op == pm_isa::OP_SRCP || op == pm_isa::OP_SRSQ;

    case (op)
      pm_isa::OP_NOP: allowed = pm_isa::BITS_NOP;
      pm_isa::OP_HALT: allowed = pm_isa::BITS_HALT;
      pm_isa::OP_JMP: allowed = pm_isa::BITS_JMP;
      pm_isa::OP_TIN: allowed = pm_isa::BITS_TIN;
      pm_isa::OP_TOUT: allowed = pm_isa::BITS_TOUT;
      pm_isa::OP_LDV: allowed = pm_isa::BITS_LDV;
      pm_isa::OP_LDH: allowed = pm_isa::BITS_LDH;
      pm_isa::OP_LDE: allowed = pm_isa::BITS_LDE;
      pm_isa::OP_SV: allowed = pm_isa::BITS_SV;
      pm_isa::OP_WST: allowed = pm_isa::BITS_WST;
      pm_isa::OP_MOV: allowed = pm_isa::BITS_MOV;
      pm_isa::OP_ADD: allowed = pm_isa::BITS_ADD;
      pm_isa::OP_SUB: allowed = pm_isa::BITS_SUB;
      pm_isa::OP_MUL: allowed = pm_isa::BITS_MUL;
      pm_isa::OP_SIG: allowed = pm_isa::BITS_SIG;
      pm_isa::OP_SIGC: allowed = pm_isa::BITS_SIGC;
      pm_isa::OP_SILU: allowed = pm_isa::BITS_SILU;
      pm_isa::OP_QNT: allowed = pm_isa::BITS_QNT;
      pm_isa::OP_TMV: allowed = pm_isa::BITS_TMV;
      pm_isa::OP_SLI: allowed = pm_isa::BITS_SLI;
      pm_isa::OP_SMUL: allowed = pm_isa::BITS_SMUL;
      pm_isa::OP_SADD: allowed = pm_isa::BITS_SADD;
      pm_isa::OP_SMAX: allowed = pm_isa::BITS_SMAX;
      pm_isa::OP_SRCP: allowed = pm_isa::BITS_SRCP;
      pm_isa::OP_SRSQ: allowed = pm_isa::BITS_SRSQ;
      pm_isa::OP_SACT: allowed = pm_isa::BITS_SACT;
      pm_isa::OP_SHF: allowed = pm_isa::BITS_SHF;
      default: allowed = '0;
    endcase

    decoded_o = '0;
    decoded_o.op = op;
    decoded_o.is_ls = is_load || is_sv;
    decoded_o.is_row = is_row;
    decoded_o.is_scl = is_scl;
    decoded_o.is_tmv = is_tmv;

    each = (is_ldv || is_sv) && word_i[pm_isa::LDV_EACH_LSB];
    wr = word_i[pm_isa::TMV_WR_LSB];
    arg = word_i[pm_isa::TMV_ARG_LSB];
    rows = word_i[pm_isa::TMV_ROWS_MSB:pm_isa::TMV_ROWS_LSB];

    if (is_load || is_sv) begin
      decoded_o.y_used = 1'b1;
      decoded_o.y = word_i[pm_isa::LDV_Y_MSB:pm_isa::LDV_Y_LSB];
      decoded_o.len = word_i[pm_isa::LDV_LEN_MSB:pm_isa::LDV_LEN_LSB];
      decoded_o.addr = word_i[pm_isa::LDV_ADDR_MSB:pm_isa::LDV_ADDR_LSB];
    end
    decoded_o.each = each || op == pm_isa::OP_LDE;
    if (is_half) decoded_o.left = word_i[pm_isa::LDH_LEFT_MSB:pm_isa::LDH_LEFT_LSB];
    if (is_wst) begin
      decoded_o.core = word_i[pm_isa::WST_CORE_MSB:pm_isa::WST_CORE_LSB];
      decoded_o.addr = word_i[pm_isa::WST_ADDR_MSB:pm_isa::WST_ADDR_LSB];
    end
    if (is_row) begin
      decoded_o.a_used = 1'b1;
      decoded_o.a = word_i[pm_isa::ADD_A_MSB:pm_isa::ADD_A_LSB];
      decoded_o.sa = word_i[pm_isa::ADD_SCALE_MSB:pm_isa::ADD_SCALE_LSB];
      decoded_o.len = word_i[pm_isa::ADD_LEN_MSB:pm_isa::ADD_LEN_LSB];
    end
    if (is_row && !is_qnt) begin
      decoded_o.y_used = 1'b1;
      decoded_o.y = word_i[pm_isa::ADD_Y_MSB:pm_isa::ADD_Y_LSB];
      decoded_o.red = word_i[pm_isa::ADD_RED_MSB:pm_isa::ADD_RED_LSB];
      decoded_o.sd = word_i[pm_isa::ADD_SD_MSB:pm_isa::ADD_SD_LSB];
    end
    if (has_b) begin
      decoded_o.b_used = 1'b1;
      decoded_o.b = word_i[pm_isa::ADD_B_MSB:pm_isa::ADD_B_LSB];
    end
    if (op == pm_isa::OP_MUL) decoded_o.shift = word_i[pm_isa::MUL_SHIFT_MSB:pm_isa::MUL_SHIFT_LSB];
    if (is_qnt) begin
      decoded_o.q_used = 1'b1;
      decoded_o.q = word_i[pm_isa::QNT_Q_LSB];
    end
    if (is_tmv) begin
      decoded_o.q_used = 1'b1;
      decoded_o.q = word_i[pm_isa::TMV_Q_LSB];
      decoded_o.wr = wr;
      decoded_o.y_used = wr;
      decoded_o.y = word_i[pm_isa::TMV_TO_MSB:pm_isa::TMV_TO_LSB];
      decoded_o.arg = arg;
      decoded_o.first = word_i[pm_isa::TMV_FIRST_LSB];
      decoded_o.len = word_i[pm_isa::TMV_COLS_MSB:pm_isa::TMV_COLS_LSB];
      decoded_o.rows = rows;
    end
    if (is_scl) decoded_o.sd = word_i[pm_isa::SMUL_SD_MSB:pm_isa::SMUL_SD_LSB];
    if (is_scl && !is_sli && !is_sact) decoded_o.sa = word_i[pm_isa::SMUL_SA_MSB:pm_isa::SMUL_SA_LSB];
    if (has_scalar_pair) decoded_o.sb = word_i[pm_isa::SMUL_SB_MSB:pm_isa::SMUL_SB_LSB];
    if (is_sli) decoded_o.immediate = {word_i[pm_isa::SLI_E_MSB:pm_isa::SLI_E_LSB], word_i[pm_isa::SLI_M_MSB:pm_isa::SLI_M_LSB]};
    decoded_o.target = word_i[pm_isa::JMP_TARGET_MSB:pm_isa::JMP_TARGET_LSB];

    // Beats of memory that the instruction names: LANES elements of 32 bits or twice as many of 16 bits each.
    row_beats_o = 9'((15'(word_i[pm_isa::LDH_LEN_MSB:pm_isa::LDH_LEN_LSB]) + 15'(2 * LANES - 1)) >> (LANE + 1));
    if (is_wst) beats = word_i[pm_isa::WST_BEATS_MSB:pm_isa::WST_BEATS_LSB];
    else if (is_half) beats = {16'b0, row_beats_o};
    else beats = {11'b0, 14'((15'(word_i[pm_isa::LDV_LEN_MSB:pm_isa::LDV_LEN_LSB]) + 15'(LANES - 1)) >> LANE)};
    decoded_o.beats = beats;
    all_beats = each ? 30'(beats) * 30'(BATCH) : 30'(beats);
    last_offset_o = 31'(MEM_BEATS) - 31'(word_i[pm_isa::LDV_ADDR_MSB:pm_isa::LDV_ADDR_LSB]) - 31'(all_beats);

    for (int i = 0; i < 8; i++) stray_o[i] = (word_i[8*i+:8] & ~allowed[8*i+:8]) != '0;

    red = word_i[pm_isa::ADD_RED_MSB:pm_isa::ADD_RED_LSB];
    has_sd = word_i[pm_isa::ADD_SD_MSB:pm_isa::ADD_SD_LSB] != '0;
    illegal = allowed == '0;
    if (is_row && !is_qnt && (red == 2'd3 || (red != pm_pkg::RED_NONE) != has_sd)) illegal = 1'b1;
    if (is_scl && word_i[pm_isa::SMUL_SD_MSB:pm_isa::SMUL_SD_LSB] == '0) illegal = 1'b1;
    if (is_sli && !word_i[pm_isa::SLI_M_MSB] && word_i[pm_isa::SLI_M_MSB:pm_isa::SLI_E_LSB] != '0) illegal = 1'b1;
    if (is_half && word_i[pm_isa::LDH_LEFT_MSB:pm_isa::LDH_LEFT_LSB] > 5'd16) illegal = 1'b1;
    if (is_wst && {1'b0, word_i[pm_isa::WST_CORE_MSB:pm_isa::WST_CORE_LSB]} >= 6'(CORES)) illegal = 1'b1;
    if (is_tmv && !wr && (!arg || word_i[pm_isa::TMV_TO_MSB:pm_isa::TMV_TO_LSB] != '0)) illegal = 1'b1;
    if (is_tmv && word_i[pm_isa::TMV_FIRST_LSB] && !arg) illegal = 1'b1;

    bad_length = 1'b0;
    if ((is_load || is_sv) && outside(word_i[pm_isa::LDV_LEN_MSB:pm_isa::LDV_LEN_LSB])) bad_length = 1'b1;
    if (is_row && outside(word_i[pm_isa::ADD_LEN_MSB:pm_isa::ADD_LEN_LSB])) bad_length = 1'b1;
    if (is_tmv && outside(word_i[pm_isa::TMV_COLS_MSB:pm_isa::TMV_COLS_LSB])) bad_length = 1'b1;
    if (is_tmv && (rows == '0 || (wr && rows > 20'(VLMAX)))) bad_length = 1'b1;
    if (is_wst && word_i[pm_isa::WST_BEATS_MSB:pm_isa::WST_BEATS_LSB] == '0) bad_length = 1'b1;

    if (pc_i >= 17'(ROM)) decoded_o.fault = pm_pkg::FAULT_PC;
    else if (illegal) decoded_o.fault = pm_pkg::FAULT_ILLEGAL;
    else if (bad_length) decoded_o.fault = pm_pkg::FAULT_LENGTH;
    else decoded_o.fault = pm_pkg::FAULT_NONE;
  end
endmodule

`default_nettype wire
