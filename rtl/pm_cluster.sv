`default_nettype none

// The accelerator: one front end, CORES ternary cores with a weight streamer each, and the arbiter in front of
// memory. docs/accelerator.md is the contract that every bit and every cycle of it keeps.
module pm_cluster #(
    parameter int CORES = 1,  // 1 … 32
    parameter int VLMAX = 8192,  // elements of a vector register: a multiple of 16, 32 … 8192
    parameter int FIFO = 256,  // beats of weights in front of a core: a power of two
    parameter int OUTQ = 8,  // blocks of results on their way in a core
    parameter int ROM = 4096,  // instructions, at most 65536
    parameter int MEM_BEATS = 4096,  // at most 2^28
    parameter int BATCH = 1,  // slots: sequences that share one reading of the weights, 1 … 32
    parameter int LANES = pm_pkg::LANES,  // elements of a word and rows of a core: 4, 8 or 16
    parameter int ROW_LANES = LANES,  // of each row-wise unit: 1, 2, 4 … LANES
    parameter int COLUMNS = 16,  // of a core: 16 weights of two bits in 32 bits, or 20, five trits a byte
    localparam int WORD = 32 * LANES,
    localparam int QWORD = 8 * LANES,
    localparam int PORTS = CORES + 1  // the streamers, then load/store
) (
    input  wire logic                            clk_i,
    input  wire logic                            rst_ni,  // at any time, for any number of cycles
    input  wire logic                            mem_rst_ni,  // memory is reset: no read is in flight
    // instruction ROM: data a cycle after the address
    output      logic [                    15:0] rom_addr_o,
    input  wire logic [                    63:0] rom_data_i,
    // memory
    input  wire logic [                     5:0] slots_i,
    output      logic [               PORTS-1:0] req_valid_o,
    output      logic [PORTS*pm_pkg::ADDR-1:0]   req_addr_o,
    output      logic [               PORTS-1:0] req_write_o,
    output      logic [    WORD-1:0]     req_wdata_o,
    output      logic [               PORTS-1:0] req_grant_o,
    input  wire logic [               PORTS-1:0] rsp_valid_i,
    input  wire logic [PORTS*WORD-1:0]   rsp_data_i,
    // host
    input  wire logic                            tok_valid_i,
    input  wire logic                            tok_end_i,
    input  wire logic [            32*BATCH-1:0] tok_i,
    input  wire logic [               BATCH-1:0] tok_active_i,
    output      logic                            tok_ready_o,
    output      logic                            out_valid_o,
    output      logic [            32*BATCH-1:0] out_tok_o,
    output      logic                            halted_o,
    output      logic [                     2:0] fault_o,
    output      logic [                    15:0] fault_pc_o
);
  localparam int INDEX = $clog2(VLMAX / LANES);
  localparam int LANE = $clog2(LANES);
  localparam int ADDR = pm_pkg::ADDR;

  // Fetch and issue.
  logic fetch_valid, fetch_ready, jump;
  logic [16:0] fetch_pc;
  logic [63:0] fetch_word;
  logic [15:0] target;
  pm_pkg::decoded_t instr;
  logic [BATCH*ADDR-1:0] ls_addr;
  logic ls_go, row_go, scl_go, tmv_go;
  logic ls_busy, row_busy, scl_busy, tmv_busy;
  logic [CORES-1:0] wst_go, asking, underrun;

  pm_fetch u_fetch (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .rom_addr_o(rom_addr_o),
      .rom_data_i(rom_data_i),
      .jump_i(jump),
      .target_i(target),
      .ready_i(fetch_ready),
      .valid_o(fetch_valid),
      .pc_o(fetch_pc),
      .word_o(fetch_word)
  );

  pm_issue #(
      .CORES(CORES),
      .VLMAX(VLMAX),
      .ROM(ROM),
      .MEM_BEATS(MEM_BEATS),
      .BATCH(BATCH),
      .LANES(LANES)
  ) u_issue (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .fetch_valid_i(fetch_valid),
      .fetch_pc_i(fetch_pc),
      .fetch_word_i(fetch_word),
      .fetch_ready_o(fetch_ready),
      .jump_o(jump),
      .target_o(target),
      .instr_o(instr),
      .ls_addr_o(ls_addr),
      .ls_go_o(ls_go),
      .row_go_o(row_go),
      .scl_go_o(scl_go),
      .tmv_go_o(tmv_go),
      .wst_go_o(wst_go),
      .ls_busy_i(ls_busy),
      .row_busy_i(row_busy),
      .scl_busy_i(scl_busy),
      .tmv_busy_i(tmv_busy),
      .underrun_i(underrun != '0),
      .asking_i(asking),
      .tok_valid_i(tok_valid_i),
      .tok_end_i(tok_end_i),
      .tok_i(tok_i),
      .tok_active_i(tok_active_i),
      .tok_ready_o(tok_ready_o),
      .out_valid_o(out_valid_o),
      .active_o(active),
      .halted_o(halted_o),
      .fault_o(fault_o),
      .fault_pc_o(fault_pc_o)
  );

  // Slots: each sequence's scalars, vectors and row-wise unit, which do the same in the same cycles.
  logic [BATCH-1:0] active, row_busies, scl_busies, bank_wes, ls_we;
  logic [2:0] ls_reg, tmv_y;
  logic [INDEX-1:0] ls_raddr, ls_waddr, tmv_waddr;
  logic [WORD-1:0] ls_wdata;
  logic [BATCH*WORD-1:0] row_as, ls_rdata, tmv_wdata;
  logic [BATCH*QWORD-1:0] bank_wdata;
  logic [BATCH-1:0] banks;
  logic [BATCH*INDEX-1:0] row_waddrs;
  logic tmv_we;

  assign row_busy = row_busies[0];
  assign scl_busy = scl_busies[0];

  for (genvar b = 0; b < BATCH; b++) begin : gen_slot
    logic [pm_pkg::SCALAR-1:0] sa, sb, row_scalar, scl_scalar;
    logic row_scalar_we, scl_scalar_we, row_read, row_we;
    logic [3:0] row_sd, scl_sd;
    logic [2:0] row_a, row_b, row_y;
    logic [INDEX-1:0] row_raddr;
    logic [WORD-1:0] row_b_data, row_wdata, neighbour;

    pm_scalar_file u_scalar_file (
        .clk_i(clk_i),
        .rst_ni(rst_ni),
        .read_a_i(instr.sa),
        .read_b_i(instr.sb),
        .a_o(sa),
        .b_o(sb),
        .row_we_i(row_scalar_we),
        .row_sd_i(row_sd),
        .row_i(row_scalar),
        .scl_we_i(scl_scalar_we),
        .scl_sd_i(scl_sd),
        .scl_i(scl_scalar)
    );

    pm_scalar u_scalar (
        .clk_i(clk_i),
        .rst_ni(rst_ni),
        .go_i(scl_go),
        .instr_i(instr),
        .active_i(active[b]),
        .a_i(sa),
        .b_i(sb),
        .busy_o(scl_busies[b]),
        .we_o(scl_scalar_we),
        .sd_o(scl_sd),
        .scalar_o(scl_scalar)
    );

    pm_router #(
        .VLMAX(VLMAX),
        .LANES(LANES)
    ) u_router (
        .clk_i(clk_i),
        .row_read_i(row_read),
        .row_a_i(row_a),
        .row_b_i(row_b),
        .row_raddr_i(row_raddr),
        .row_a_o(row_as[b*WORD+:WORD]),
        .row_b_o(row_b_data),
        .ls_reg_i(ls_reg),
        .ls_raddr_i(ls_raddr),
        .ls_o(ls_rdata[b*WORD+:WORD]),
        .row_we_i(row_we),
        .row_y_i(row_y),
        .row_waddr_i(row_waddrs[b*INDEX+:INDEX]),
        .row_i(row_wdata),
        .ls_we_i(ls_we[b]),
        .ls_waddr_i(ls_waddr),
        .ls_i(ls_wdata),
        .tmv_we_i(tmv_we),
        .tmv_y_i(tmv_y),
        .tmv_waddr_i(tmv_waddr),
        .tmv_i(tmv_wdata[b*WORD+:WORD])
    );

    if (b == 0) assign neighbour = row_b_data;
    else assign neighbour = row_as[(b-1)*WORD+:WORD];

    pm_row #(
        .VLMAX(VLMAX),
        .LANES(LANES),
        .ROW_LANES(ROW_LANES)
    ) u_row (
        .clk_i(clk_i),
        .rst_ni(rst_ni),
        .go_i(row_go),
        .instr_i(instr),
        .scale_i(sa),
        .busy_o(row_busies[b]),
        .read_o(row_read),
        .a_o(row_a),
        .b_o(row_b),
        .raddr_o(row_raddr),
        .a_i(row_as[b*WORD+:WORD]),
        .b_i(row_b_data),
        .before_i(neighbour),
        .we_o(row_we),
        .y_o(row_y),
        .waddr_o(row_waddrs[b*INDEX+:INDEX]),
        .wdata_o(row_wdata),
        .bank_we_o(bank_wes[b]),
        .bank_o(banks[b]),
        .bank_wdata_o(bank_wdata[b*QWORD+:QWORD]),
        .scalar_we_o(row_scalar_we),
        .sd_o(row_sd),
        .scalar_o(row_scalar)
    );
  end

  // Load and store.
  logic [PORTS-1:0] req, grant, draining, rsp_valid;

  pm_load_store #(
      .VLMAX(VLMAX),
      .BATCH(BATCH),
      .LANES(LANES)
  ) u_load_store (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .go_i(ls_go),
      .instr_i(instr),
      .addr_i(ls_addr),
      .busy_o(ls_busy),
      .reg_o(ls_reg),
      .raddr_o(ls_raddr),
      .rdata_i(ls_rdata),
      .we_o(ls_we),
      .waddr_o(ls_waddr),
      .wdata_o(ls_wdata),
      .req_o(req[CORES]),
      .write_o(req_write_o[CORES]),
      .req_addr_o(req_addr_o[ADDR*CORES+:ADDR]),
      .req_wdata_o(req_wdata_o),
      .grant_i(grant[CORES]),
      .rsp_valid_i(rsp_valid[CORES]),
      .rsp_data_i(rsp_data_i[WORD*CORES+:WORD])
  );

  // Ternary cores.
  logic [CORES-1:0] block, take;
  logic [CORES*BATCH*WORD-1:0] sums;
  wire logic [20-LANE:0] blocks = (21 - LANE)'((21'(instr.rows) + 21'(LANES - 1)) >> LANE);

  // Activations go to the banks of all cores alike, in parts that the row-wise unit writes at once.
  localparam int PARTS = pm_pkg::bank_parts(LANES, COLUMNS);
  localparam int PLACE = $clog2((VLMAX + COLUMNS - 1) / COLUMNS);
  logic [PARTS-1:0] q_we;
  logic q_bank;
  logic [PARTS*PLACE-1:0] q_waddr;
  logic [BATCH*8*COLUMNS-1:0] q_wdata;

  pm_bank_writer #(
      .VLMAX(VLMAX),
      .BATCH(BATCH),
      .LANES(LANES),
      .COLUMNS(COLUMNS)
  ) u_bank_writer (
      .clk_i(clk_i),
      .we_i(bank_wes[0]),
      .bank_i(banks[0]),
      .word_i(row_waddrs[INDEX-1:0]),
      .data_i(bank_wdata),
      .we_o(q_we),
      .bank_o(q_bank),
      .place_o(q_waddr),
      .data_o(q_wdata)
  );

  for (genvar c = 0; c < CORES; c++) begin : gen_core
    logic valid, dry, pop;
    logic [WORD-1:0] weights;

    pm_streamer #(
        .FIFO(FIFO),
        .WORD(WORD)
    ) u_streamer (
        .clk_i(clk_i),
        .rst_ni(rst_ni),
        .go_i(wst_go[c]),
        .addr_i(instr.addr),
        .beats_i(instr.beats),
        .asking_o(asking[c]),
        .req_o(req[c]),
        .req_addr_o(req_addr_o[ADDR*c+:ADDR]),
        .grant_i(grant[c]),
        .rsp_valid_i(rsp_valid[c]),
        .rsp_data_i(rsp_data_i[WORD*c+:WORD]),
        .valid_o(valid),
        .dry_o(dry),
        .pop_i(pop),
        .data_o(weights)
    );

    pm_ternary_core #(
        .CORES(CORES),
        .INDEX(c),
        .VLMAX(VLMAX),
        .OUTQ(OUTQ),
        .BATCH(BATCH),
        .COLUMNS(COLUMNS),
        .PARTS(PARTS),
        .ROWS(LANES)
    ) u_ternary_core (
        .clk_i(clk_i),
        .rst_ni(rst_ni),
        .go_i(tmv_go),
        .blocks_i(blocks),
        .columns_i(instr.len),
        .bank_i(instr.q),
        .q_we_i(q_we),
        .q_bank_i(q_bank),
        .q_waddr_i(q_waddr),
        .q_wdata_i(q_wdata),
        .valid_i(valid),
        .dry_i(dry),
        .pop_o(pop),
        .weights_i(weights),
        .underrun_o(underrun[c]),
        .block_o(block[c]),
        .take_i(take[c]),
        .sums_o(sums[BATCH*WORD*c+:BATCH*WORD])
    );

    assign req_write_o[c] = 1'b0;
  end

  pm_collector #(
      .CORES(CORES),
      .VLMAX(VLMAX),
      .BATCH(BATCH),
      .LANES(LANES)
  ) u_collector (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .go_i(tmv_go),
      .instr_i(instr),
      .busy_o(tmv_busy),
      .block_i(block),
      .take_o(take),
      .sums_i(sums),
      .we_o(tmv_we),
      .y_o(tmv_y),
      .waddr_o(tmv_waddr),
      .wdata_o(tmv_wdata),
      .index_o(out_tok_o)
  );

  // Memory: a halted cluster asks for nothing, nor does a requester that waits for responses from before a reset.
  assign req_valid_o = req & ~draining & {PORTS{!halted_o}};
  assign req_grant_o = grant;

  for (genvar p = 0; p < PORTS; p++) begin : gen_drain
    pm_drain #(
        .MAX_READS(p < CORES ? FIFO : VLMAX / LANES)
    ) u_drain (
        .clk_i(clk_i),
        .rst_ni(rst_ni),
        .mem_rst_ni(mem_rst_ni),
        .read_i(grant[p] && !req_write_o[p]),
        .rsp_valid_i(rsp_valid_i[p]),
        .rsp_valid_o(rsp_valid[p]),
        .draining_o(draining[p])
    );
  end

  pm_arbiter #(
      .REQUESTERS(PORTS),
      .SLOTS(6)
  ) u_arbiter (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .slots_i(slots_i),
      .req_i(req_valid_o),
      .grant_o(grant)
  );
endmodule

`default_nettype wire
