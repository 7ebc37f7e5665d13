"""The study's jobs: what is run, in which order, and what each job leaves as a record.

For those who read records: `Results.load(path)` (records.py), then `results.where("run", task="polarity",
F=8)`.
`hypotheses.judge(results)` gives the verdicts: a list of `Verdict(name, claim, criterion, measured, verdict,
explanation)`, all texts, `verdict` one of "holds", "fails", "undecided" or "not run".
`report.write(results, path)` writes the page.

A record is one flat dict, one line of `quick.jsonl` or `full.jsonl` (`records.py` reads and writes them).
Lists over
seeds are called `S`, over the moments of measurement `T`. A number that was not finite is null. Every record
has
`kind`, `key` (a text that names the job: same key, same settings, same numbers) and `seconds`.

kind "study" (one, the first)   profile ("quick" | "full"), version, seeds [..], tasks [..], arms [..]
kind "tune"      task arm init F; lrs [L], accuracy [L] (mean over tuning seeds), best (the learning rate
    chosen)
kind "run"       K networks that differ in their seed alone, trained side by side (one grouped network)
    task arm F init ("he" | "unit") lr steps batch seeds [S] chance (accuracy of guessing)
    accuracy [S] loss [S]                          on held-out images, after training
    near_zero [S] pruned [S]                       share |w| < 0.1 sigma_init; accuracy without the smaller
    half (of the
                                                   layer under test), both after training
    probe_one [S] probe_all [S]                    linear probe on one channel (mean over channels) and on
    all F
    curves {step [T], and per series its mean over the seeds [T] and, name + "_sd", the standard deviation:
        loss, accuracy, gradient (norm at the layer under test), cancellation, null (its sign-flip null),
        participation, participation_batch; channels [C][T] (norm of dL/dW_c, mean only)}
    weights {start [F][C][3][3], end [F][C][3][3]} of the first seed; only where F = 8, init "he" and the arm
    is in
                                                   WITH_WEIGHTS, else absent
kind "equivalence"  (H1) arm ("mean" | "sum+17" | "alternating") optimizer ("sgd" | "adam"); gap (largest
    |loss - loss
    of sum| over 200 float64 steps), gaps [T], loss [T], step [T]
kind "start"     (H2) n; p_value, quantiles [Q], aligned [Q], opponent [Q] (in units of the law's sigma),
    difference
    (largest, same unit), histogram {edges [B+1], aligned [B], opponent [B]}
kind "escape"    (H5, H6, picture 2) task ("polarity" | "presence") mode ("full" | "minibatch" | "mirrored":
    full batch
    of data closed under swapping R and B) start ("cancelling" | "random") seeds [S] lr steps
    start_loss [S] start_gradient [S] accuracy [S]
    curves {step [T], loss, gradient, cancellation, null, accuracy: mean [T] and _sd [T]}
    film {step [T], loss [T], gradient [T], cancellation [T], null [T], accuracy [T], path [T][F][2]: (w_R.e,
    w_B.e) of
        every filter, one seed; contour {x [X], y [Y], loss [Y][X]}: the trained network's loss with filter
        `filter`
        moved in that plane}   film is absent for start "random"
kind "unmatched" (H7) layer (1 | 2) d, task; share (|cos| < 0.1), share_centred, expected (for random
    directions),
    histogram {edges [B+1], unrelated [B], matching [B], anti [B]}
    (layer 1 alone has matching and anti)
kind "depth"     (H9, picture 4) arm init C layers seeds [S]; ratio [S] (gradient norm at the input / at the
    output),
    by_layer [layers + 1] (geometric mean over seeds, from the input to the output; last is 1), participation
kind "energy"    arm C; measured (E sum_c (df/dr_c)^2, r ~ N(0, 1)), closed (null where there is no closed
    form),
    infinite (true where the expectation diverges), receiving (mean number of channels with a gradient)
kind "cost"      (H13) arm C version ("plain" | "streamed"); forward both (ms: forward, forward + backward),
    forward_ratio both_ratio (to the sum's, measured in turn), memory (MB, peak over forward + backward)
    memory_ratio
kind "statement" name; claim (a sentence), value, bound, holds: a statement of the page, confirmed through
    the engine
kind "photo"     (photographs) filters ("random" | "trained"): cancellation, null, correlation [C][C] between
    channels'
    responses, kurtosis, near_zero (share of responses below a tenth of their standard deviation)
kind "maps"      (picture 1) arm formula; image [3][H][W], responses [3][P][Q], out [P][Q], gradients
    [3][P][Q]
    (df/dr_c for one unit of gradient at every output position); concat is left out
kind "slider"    (picture 5) blue [T] from 1 (aligned) to -1 (opponent); red [F], blue_response [F][T], sum
    [F][T] at
    the edge; bias [F]; probability [T] (network says "opponent"), probe_one [F][T], probe_all [T]
kind "window"    (picture 7) x [3][5][5] w [3][3][3] bias; responses [3][3][3], out [3][3], g [3][3], dw
    [3][3][3],
    dx [3][5][5]  (all from channels.explain)
"""
