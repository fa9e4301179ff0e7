// A stand-in for engine tests: never compiled, the fake worker reads only which knobs it names.
/*@plan
tune ROWS = 16 in {1, 2, 4, 8, 16};
tune STAGES = 1 in {1, 2, 3};
tune COMMENT = 0 in {0, 1};
plain<<<dim3(batch_size), 128>>>(q, output, new_state);
*/
// knob::ROWS, knob::STAGES; COMMENT changes nothing in the program
