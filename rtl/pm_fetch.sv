`default_nettype none

// Fetches instructions in order from a ROM that answers a cycle after the address, and offers them one a cycle.
// Two words wait here while the issue stage holds: that is what is on its way when it begins to hold, so the ROM's
// address depends on registers only.
module pm_fetch (
    input  wire logic        clk_i,
    input  wire logic        rst_ni,
    // to the ROM
    output      logic [15:0] rom_addr_o,
    input  wire logic [63:0] rom_data_i,
    // to the issue stage
    input  wire logic        jump_i,      // discards what was fetched and continues at target_i
    input  wire logic [15:0] target_i,
    input  wire logic        ready_i,
    output      logic        valid_o,
    output      logic [16:0] pc_o,        // one bit more than an address: the end of a full ROM is outside it
    output      logic [63:0] word_o
);
  logic [16:0] fetch_pc_q;  // the address now shown to the ROM
  logic        data_valid_q;  // the ROM's data are wanted: they are those of data_pc_q
  logic [16:0] data_pc_q;
  logic [ 1:0] waiting_q;  // words that wait
  logic [80:0] first_q, second_q;  // {pc, word}, the older first

  wire logic fetch = waiting_q == 2'd0 || (waiting_q == 2'd1 && !data_valid_q);
  wire logic take = valid_o && ready_i;
  wire logic [80:0] data = {data_pc_q, rom_data_i};

  assign rom_addr_o = fetch_pc_q[15:0];
  assign valid_o = waiting_q != 2'd0 || data_valid_q;
  assign {pc_o, word_o} = waiting_q != 2'd0 ? first_q : data;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fetch_pc_q <= '0;
      data_valid_q <= 1'b0;
      waiting_q <= '0;
    end else if (jump_i) begin
      fetch_pc_q <= {1'b0, target_i};
      data_valid_q <= 1'b0;
      waiting_q <= '0;
    end else begin
      if (fetch) fetch_pc_q <= fetch_pc_q + 17'd1;
      data_valid_q <= fetch;
      waiting_q <= waiting_q + {1'b0, data_valid_q} - {1'b0, take};
    end
  end

  always_ff @(posedge clk_i) begin
    data_pc_q <= fetch_pc_q;
    if (take) first_q <= waiting_q == 2'd2 ? second_q : data;
    else if (waiting_q == 2'd0) first_q <= data;
    if (waiting_q != 2'd0 && data_valid_q) second_q <= data;
  end
endmodule

`default_nettype wire
