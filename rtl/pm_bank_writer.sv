`default_nettype none

// Brings words of activations from the row-wise units to the cores' banks, a cycle later. A bank's word, of COLUMNS
// activations, lies in PARTS memories, and a word of a row-wise unit fills STEP of them from where the one before ended:
// the first may be the last part of one word of the bank, the second the first part of the next one.
module pm_bank_writer #(
    parameter int VLMAX = 8192,
    parameter int BATCH = 1,
    parameter int LANES = pm_pkg::LANES,
    parameter int COLUMNS = 16,
    localparam int PARTS = pm_pkg::bank_parts(LANES, COLUMNS),
    localparam int PLACE = $clog2((VLMAX + COLUMNS - 1) / COLUMNS),
    localparam int INDEX = $clog2(VLMAX / LANES)
) (
    input  wire logic                       clk_i,
    // from the row-wise units: the words of an instruction in order, from word 0 on
    input  wire logic                       we_i,
    input  wire logic                       bank_i,
    input  wire logic [          INDEX-1:0] word_i,
    input  wire logic [  BATCH*8*LANES-1:0] data_i,
    // to the banks; data: of all slots the first part, then the next one
    output      logic [          PARTS-1:0] we_o,
    output      logic                       bank_o,
    output      logic [    PARTS*PLACE-1:0] place_o,
    output      logic [BATCH*8*COLUMNS-1:0] data_o
);
  localparam int SIZE = COLUMNS / PARTS;  // activations of a part
  localparam int STEP = LANES / SIZE;

  // Where the word begins, and where the next one does.
  logic [3:0] part, part_q, next_part;
  logic [PLACE-1:0] place, place_q;
  wire logic wraps = part + 4'(STEP) >= 4'(PARTS);

  assign part = word_i == '0 ? '0 : part_q;
  assign place = word_i == '0 ? '0 : place_q;
  assign next_part = part + 4'(STEP) - (wraps ? 4'(PARTS) : 4'd0);

  logic [PARTS-1:0] we;
  logic [PARTS*PLACE-1:0] places;
  logic [BATCH*8*COLUMNS-1:0] data;

  always_comb begin
    we = '0;
    places = {PARTS{place}};
    data = '0;
    for (int p = 0; p < PARTS; p++) begin
      for (int i = 0; i < STEP; i++) begin
        if (part + 4'(i) == 4'(p) || part + 4'(i) == 4'(p + PARTS)) begin
          we[p] = we_i;
          if (part + 4'(i) != 4'(p)) places[PLACE*p+:PLACE] = place + 1'b1;
          for (int b = 0; b < BATCH; b++) data[8*SIZE*(BATCH*p+b)+:8*SIZE] = data_i[8*(LANES*b+SIZE*i)+:8*SIZE];
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (we_i) begin
      part_q <= next_part;
      place_q <= place + PLACE'(wraps);
    end
    we_o <= we;
    bank_o <= bank_i;
    place_o <= places;
    data_o <= data;
  end
endmodule

`default_nettype wire
